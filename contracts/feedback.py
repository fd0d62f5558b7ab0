"""Feedback: what people found behind an alert, as labels for the next training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from contracts.record import Record, decoder

FORMAT = 1
Verdict = Literal["true", "false", "sensor", "planned"]
"""true: the machine was faulty. false: nothing was wrong. sensor: a sensor was broken, not the machine. planned: known
work or an unusual but wanted way of running."""


class Judgement(Record, frozen=True, kw_only=True):
    """The value of one record of the feedback topic (JSON, keyed by machine): a verdict that was taken in.

    Exactly once for each command; a later verdict on the same alert counts instead of an earlier one.
    """

    format: int = FORMAT
    feedback_id: str
    """`command_id` of the command that brought it."""
    alert_id: str
    """The alert that was judged."""
    case_id: str
    """Its case."""
    machine_id: str
    """The machine, as in the plant description."""
    machine_class: str
    """Its class."""
    condition: str = "anomaly"
    """Of the alert: a verdict on `blind:<channel>` says something of a sensor, and labels no windows."""
    verdict: Verdict
    """true: the machine was faulty. false: nothing was wrong. sensor: a sensor was broken, not the machine.
    planned: known work or an unusual but wanted way of running."""
    mode: str | None = None
    """The failure mode that was found; None: they did not say."""
    diagnosed: str | None = None
    """The most probable failure mode at that time, so that the diagnosis can be judged too."""
    by: str
    """Who said so."""
    note: str | None = None
    """What they wrote."""
    onset_ms: int
    """Event time at which the alert's first window began, inclusive."""
    end_ms: int
    """Event time up to which the verdict holds, exclusive: the end of the alert's newest window by then."""
    known_ms: int
    """Ingestion time of the command: nothing that was learned before could have known it."""
    replaces: Verdict | None = None
    """The verdict before, where there was one."""

    @classmethod
    def decode(cls, value: bytes) -> Judgement:
        """The judgement of a record.

        Raises:
            FormatError: it is of a format that this version does not know.
            HeadraceError: the bytes are no judgement.
        """
        return _decode(value)


_decode: Callable[[bytes], Judgement] = decoder({FORMAT: Judgement}, "feedback record", "a judgement")
