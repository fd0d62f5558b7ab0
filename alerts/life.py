"""The life of an alert: every state, everything that can happen to it, and what then is.

Words of ISA-18.2 (IEC 62682): an alert that is cleared before anybody acknowledged it is "returned to normal,
unacknowledged"; a shelved one is out of sight for a time that its operator chose. OPC UA Part 9 has the same as three
flags, which every state here has too.
"""

from __future__ import annotations

from enum import StrEnum

from contracts.alert import Change


class State(StrEnum):
    """Where an alert is in its life."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    SHELVED_ACKNOWLEDGED = "shelved_acknowledged"
    CLEARED = "cleared"
    CLEARED_ACKNOWLEDGED = "cleared_acknowledged"
    CLEARED_SHELVED = "cleared_shelved"
    CLEARED_SHELVED_ACKNOWLEDGED = "cleared_shelved_acknowledged"

    @property
    def active(self) -> bool:
        """The condition lasts."""
        return not self.value.startswith("cleared")

    @property
    def acknowledged(self) -> bool:
        """Somebody has seen it."""
        return self.value.endswith("acknowledged")

    @property
    def shelved(self) -> bool:
        """Nobody wants to hear of it for a while."""
        return "shelved" in self.value


class Input(StrEnum):
    """What can happen to an alert."""

    RAISE = "raise"
    """The condition is there (again)."""
    CLEAR = "clear"
    """The condition is over."""
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    """Somebody said so, or its time is over."""


def _table() -> dict[State, dict[Input, State]]:
    s = State
    columns = (Input.RAISE, Input.CLEAR, Input.ACKNOWLEDGE, Input.SHELVE, Input.UNSHELVE)
    rows = {
        s.RAISED: (s.RAISED, s.CLEARED, s.ACKNOWLEDGED, s.SHELVED, s.RAISED),
        s.ACKNOWLEDGED: (
            s.ACKNOWLEDGED,
            s.CLEARED_ACKNOWLEDGED,
            s.ACKNOWLEDGED,
            s.SHELVED_ACKNOWLEDGED,
            s.ACKNOWLEDGED,
        ),
        s.SHELVED: (s.SHELVED, s.CLEARED_SHELVED, s.SHELVED_ACKNOWLEDGED, s.SHELVED, s.RAISED),
        s.SHELVED_ACKNOWLEDGED: (
            s.SHELVED_ACKNOWLEDGED,
            s.CLEARED_SHELVED_ACKNOWLEDGED,
            s.SHELVED_ACKNOWLEDGED,
            s.SHELVED_ACKNOWLEDGED,
            s.ACKNOWLEDGED,
        ),
        s.CLEARED: (s.RAISED, s.CLEARED, s.CLEARED_ACKNOWLEDGED, s.CLEARED_SHELVED, s.CLEARED),
        s.CLEARED_ACKNOWLEDGED: (
            s.ACKNOWLEDGED,
            s.CLEARED_ACKNOWLEDGED,
            s.CLEARED_ACKNOWLEDGED,
            s.CLEARED_SHELVED_ACKNOWLEDGED,
            s.CLEARED_ACKNOWLEDGED,
        ),
        s.CLEARED_SHELVED: (
            s.SHELVED,
            s.CLEARED_SHELVED,
            s.CLEARED_SHELVED_ACKNOWLEDGED,
            s.CLEARED_SHELVED,
            s.CLEARED,
        ),
        s.CLEARED_SHELVED_ACKNOWLEDGED: (
            s.SHELVED_ACKNOWLEDGED,
            s.CLEARED_SHELVED_ACKNOWLEDGED,
            s.CLEARED_SHELVED_ACKNOWLEDGED,
            s.CLEARED_SHELVED_ACKNOWLEDGED,
            s.CLEARED_ACKNOWLEDGED,
        ),
    }
    return {state: dict(zip(columns, after, strict=True)) for state, after in rows.items()}


TABLE = _table()
"""What follows, for every state and every input. A new alert begins as RAISED; who returns soon is as acknowledged as
it was, so that a chattering condition is not news each time."""
CHANGES: dict[Input, Change] = {
    Input.RAISE: "returned",
    Input.CLEAR: "cleared",
    Input.ACKNOWLEDGE: "acknowledged",
    Input.SHELVE: "shelved",
    Input.UNSHELVE: "unshelved",
}


def after(state: State, happened: Input) -> tuple[State, Change | None]:
    """The state that follows, and what to tell; None: nothing has changed.

    Shelving again is news in the same state: it has a new end.
    """
    found = TABLE[state][happened]
    return found, CHANGES[happened] if found != state or happened is Input.SHELVE else None
