"""Alerts: lasting conditions of machines, with a life; one record for each change of an alert.

Words of ISA-18.2 (IEC 62682) and OPC UA Part 9: an alert is active or not, acknowledged or not, shelved or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from contracts.record import Record, decoder

FORMAT = 1
UNKNOWN = "unknown"
"""The failure mode of which nothing in the catalogue tells."""

Change = Literal["raised", "returned", "updated", "acknowledged", "shelved", "unshelved", "judged", "cleared"]
Severity = Literal["low", "medium", "high"]
Urgency = Literal["planned", "this_week", "today", "now"]
Sign = Literal["high", "low", "unsteady", "steady", "blind"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)
"""Both from the least to the gravest."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of what a record says; unknown fields are passed over."""


class Place(Part, frozen=True):
    """Where the machine stands, in the words of ISA-95."""

    enterprise: str
    """The company."""
    site: str
    """One of its plants."""
    area: str
    """A part of the site."""
    line: str
    """The line that the machine belongs to."""


class Symptom(Part, frozen=True):
    """How one channel (or cross feature) differs from its usual running.

    A channel may have two: its level, and how it fluctuates. What is said of a level here is then said of the standard
    deviation within windows.
    """

    channel: str
    """Name of the channel, or of the cross feature."""
    sign: Sign
    """high or low: its level; unsteady or steady: how it fluctuates; blind: it has no usable sample."""
    part: float
    """Of what raises the score, 0 to 1; the mean over the alert's events. 0 where it is blind."""
    deviation: float
    """Of its level from the usual one, in standard deviations of usual running, signed; 0 where it is blind."""
    unit: str
    """Of `value` and `usual`; empty for a cross feature."""
    value: float | None = None
    """Its mean over the alert's events; None: none of them had a value."""
    usual: float | None = None
    """The centre of what it was in training."""


class Candidate(Part, frozen=True):
    """A failure mode that may be at work."""

    mode: str
    """Its name in the catalogue, or `unknown`."""
    title: str
    """The same in words."""
    probability: float
    """0 to 1; those of one alert add up to 1, but for rounding and what was left out as too unlikely."""


class PartNeed(Part, frozen=True):
    """A spare part that the work will need."""

    part: str
    """Its name in the catalogue."""
    quantity: int
    """Pieces."""
    lead_time_days: float
    """From the order to its being there."""
    order_by_ms: int
    """Event time by which to order, so that it is there when the work is due."""


class Recommendation(Part, frozen=True):
    """What to check and what to do: advice for people, never a command to a machine."""

    mode: str
    """The failure mode that it is for."""
    summary: str
    """What to do, in one sentence."""
    checks: tuple[str, ...]
    """In the order in which to make them."""
    actions: tuple[str, ...]
    """In the order in which to do them."""
    urgency: Urgency
    """planned: with the next planned maintenance; this_week, today, now: no later than that."""
    act_by_ms: int | None
    """Event time by which to act; None: with the next planned maintenance."""
    because: str
    """Why it is that urgent: severity, trend, remaining life and cost, in one sentence."""
    parts: tuple[PartNeed, ...] = ()
    """Spare parts that the work will need."""
    tools: tuple[str, ...] = ()
    """Tools that the work will need."""
    skills: tuple[str, ...] = ()
    """Skills that the work will need."""
    hours: float = 0.0
    """Of work."""
    risk: str = ""
    """What happens if nothing is done."""


class Point(Part, frozen=True):
    """One window of the alert's course."""

    end_ms: int
    """Event time at which the window ends."""
    score: float
    """In times of the threshold."""


class Evidence(Part, frozen=True):
    """What the alert rests on; `headrace verify` recomputes all of it from the offline store."""

    events: int
    """Windows above the threshold since the onset."""
    windows: int
    """Scored windows since the onset."""
    first_event: str | None
    """`event_id` of the first of them; None: the condition rests on windows that are no events."""
    peak_event: str | None
    """`event_id` of the one with the highest score; None as above."""
    last_event: str | None
    """`event_id` of the newest one; None as above."""
    bundle: str | None
    """Content hash of the bundle that scored the newest window; None: no score is needed."""
    threshold: float | None
    """θ of that bundle; None: no score is needed."""
    feature_set: str
    """Version of the feature set of the windows."""
    topic: str
    """The telemetry topic that the windows were read from."""
    partition: int
    """Of that topic; commands about the alert go to the partition of that number."""
    first_offset: int
    """Of the earliest telemetry record of the first window."""
    last_offset: int
    """Of the latest record of the newest window."""


class Alert(Record, frozen=True, kw_only=True):
    """The value of one record of the alerts topic (JSON, keyed by `alert_id`): an alert after one change of it.

    The topic is compacted: the newest record of an alert says all that is to be known. Delivered exactly once to
    read-committed consumers; all changes of a machine's alerts are in one partition, in their order.
    """

    format: int = FORMAT
    alert_id: str
    """A function of machine, condition and onset alone."""
    case_id: str
    """Alerts of one machine that belong together have one; a function of machine and onset of the first of them."""
    revision: int
    """1, 2, 3 … in the order of changes."""
    change: Change
    """What happened: raised, returned (again within `reopen_s` of clearing), updated (severity or diagnosis, or after
    `update_s`), acknowledged, shelved, unshelved, judged (feedback came), cleared."""
    annunciate: bool
    """It deserves somebody's attention now: a new case, or one that got worse, and not shelved."""
    machine_id: str
    """The machine, as in the plant description."""
    machine_class: str
    """Its class, which says what channels there are."""
    place: Place
    """Where it stands."""
    condition: str
    """`anomaly`, or `blind:<channel>`: a channel without usable samples."""
    active: bool
    """The condition holds; false from the change on that cleared it."""
    acknowledged: bool
    """Somebody has seen it."""
    shelved_until_ms: int | None = None
    """Event time until which nobody wants to hear of it; None: not shelved."""
    severity: Severity
    """How bad it is: by the score in times of the threshold, see `alarm` in the plant description."""
    onset_ms: int
    """Event time at which the first window of it began."""
    raised_ms: int
    """Event time at which it was raised: the end of the window that filled the on-delay."""
    changed_ms: int
    """Event time of this change: the end of its window, or of the newest window when a command came."""
    cleared_ms: int | None = None
    """Event time at which it was cleared; None: it is active."""
    score: float | None
    """Newest, in times of the threshold; None: the condition has none."""
    peak: float | None
    """Highest since the onset, in times of the threshold."""
    symptoms: tuple[Symptom, ...]
    """Largest part first; then blind channels."""
    diagnosis: tuple[Candidate, ...]
    """Most probable first, never empty while a catalogue or learned modes are there: `unknown` is an answer."""
    recommendation: Recommendation | None
    """None: there is no catalogue for the class."""
    course: tuple[Point, ...]
    """The newest windows, oldest first, ready to be plotted; at most 60."""
    evidence: Evidence
    """What it rests on."""
    by: str | None = None
    """Who acknowledged, shelved or judged last."""
    note: str | None = None
    """What they wrote."""
    verdict: str | None = None
    """What people found, see `contracts.feedback`; None: nobody has said."""

    @classmethod
    def decode(cls, value: bytes) -> Alert:
        """The alert of a record.

        Raises:
            FormatError: it is of a format that this version does not know.
            HeadraceError: the bytes are no alert.
        """
        return _decode(value)


_decode: Callable[[bytes], Alert] = decoder({FORMAT: Alert}, "alerts record", "an alert")
