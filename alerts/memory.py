"""What is remembered of a machine while something is going on, and of its alerts after that.

It is small, depends on windows and commands alone, and goes into every transaction that changes it.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from alerts.life import State
from alerts.means import Means
from contracts.alert import Candidate, Point, Recommendation, Severity, Symptom
from contracts.feedback import Verdict
from features.errors import DamagedError
from features.formats import Version, reader
from training.alarm import Watch

FORMAT = 1


class Run(msgspec.Struct, kw_only=True):
    """What a condition has done since its first window: an alert to be, or one that is."""

    onset_ms: int
    topic: str
    first_offset: int
    last_offset: int = 0
    newest_ms: int = 0
    """End of the newest window."""
    windows: int = 0
    events: int = 0
    first_event: str | None = None
    peak_event: str | None = None
    last_event: str | None = None
    bundle: str | None = None
    threshold: float | None = None
    score: float | None = None
    peak: float | None = None
    """In times of the threshold."""
    course: list[Point] = msgspec.field(default_factory=list)
    means: Means = Means()
    alarm_since_ms: int | None = None
    """End of the window with which the alarm began; None: there is none now."""
    over_since_ms: int | None = None
    """Start of the first window after the alarm; None: it lasts, or never was."""

    @property
    def end_ms(self) -> int:
        """Event time up to which it is what it is: of its newest window, or of its last in alarm."""
        return self.newest_ms if self.over_since_ms is None else self.over_since_ms


class Assessment(msgspec.Struct, frozen=True):
    """What an alert says of its cause, and what to do."""

    symptoms: tuple[Symptom, ...] = ()
    diagnosis: tuple[Candidate, ...] = ()
    recommendation: Recommendation | None = None

    @property
    def mode(self) -> str | None:
        """The most probable failure mode."""
        return self.diagnosis[0].mode if self.diagnosis else None


class Question(NamedTuple):
    """What an alert asks when its cause is to be assessed."""

    run: Run
    blind: tuple[str, ...]
    """Channels without a usable sample in the newest window."""
    severity: Severity
    severe_ms: int
    """Event time since which it has been so."""
    now_ms: int


class Said(msgspec.Struct, kw_only=True):
    """What was said of an alert, so that the next change can say all of it again."""

    alert_id: str
    case_id: str
    raised_ms: int
    severity: Severity
    severe_ms: int
    """Event time since which the severity has been what it is."""
    assessment: Assessment
    state: State = State.RAISED
    revision: int = 0
    told_ms: int = 0
    """Event time of its newest change that windows caused."""
    advised: int = 0
    """Events that the assessment rests on."""
    cleared_ms: int | None = None
    shelved_until_ms: int | None = None
    by: str | None = None
    note: str | None = None
    verdict: Verdict | None = None


class Condition(msgspec.Struct):
    """One condition of a machine: what it does, and the alert that was made of it."""

    run: Run
    said: Said | None = None
    """None: it is no alert yet."""

    @property
    def going_on(self) -> bool:
        """It is an alert to be, or an active one."""
        return self.said is None or self.said.state.active


class Case(msgspec.Struct):
    """Alerts of a machine that belong together."""

    case_id: str
    severity: Severity | None = None
    """The highest that somebody's attention was asked for; None: not yet."""


class Ended(msgspec.Struct, kw_only=True):
    """An alert that is over, of which people may still have something to say."""

    alert_id: str
    case_id: str
    condition: str
    onset_ms: int
    end_ms: int
    mode: str | None
    verdict: Verdict | None


class Memory(msgspec.Struct, kw_only=True):
    """One machine."""

    format: int = FORMAT
    watch: Watch
    newest_ms: int = 0
    """End of the newest window that was looked at."""
    conditions: dict[str, Condition] = msgspec.field(default_factory=dict)
    case: Case | None = None
    ended: list[Ended] = msgspec.field(default_factory=list)
    """The latest, oldest first."""
    commands: list[str] = msgspec.field(default_factory=list)
    """Ids of the latest commands."""

    @property
    def busy(self) -> bool:
        """Its next window must be looked at, whatever its score."""
        return not self.watch.quiet or any(condition.going_on for condition in self.conditions.values())

    @property
    def blank(self) -> bool:
        """No different from that of a machine that was never looked at."""
        return not (self.conditions or self.ended or self.case) and self.watch.quiet

    def encode(self) -> bytes:
        """MessagePack."""
        return _encode(self)

    @classmethod
    def decode(cls, value: bytes, what: str) -> Memory:
        """The memory of a record of the alert-state topic, which `what` names.

        Raises:
            FormatError: it is of a format that this version does not know.
            DamagedError: it is not as it was written.
        """
        try:
            return reader(_READERS, _version(value).format, what)(value)
        except msgspec.MsgspecError as error:
            raise DamagedError(f"{what}: expected the alerts of a machine, got {error}") from error


_encode = msgspec.msgpack.Encoder().encode
_version = msgspec.msgpack.Decoder(Version).decode
_READERS = {1: msgspec.msgpack.Decoder(Memory).decode}
