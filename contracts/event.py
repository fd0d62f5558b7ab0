"""Anomaly events: windows whose score is above θ."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from contracts.record import Record, decoder

FORMAT = 1


class AnomalyEvent(Record, frozen=True, kw_only=True):
    """The value of one record of the events topic (JSON, keyed by machine): one window whose score is above θ.

    Delivered exactly once to read-committed consumers.
    """

    format: int = FORMAT
    event_id: str
    """A function of machine, rule and window alone: the same in every replay."""
    machine_id: str
    """The machine, as in the plant description."""
    machine_class: str
    """Its class, which says what channels there are."""
    window_start_ms: int
    """Event time at which the window starts, milliseconds since 1970-01-01 UTC, inclusive."""
    window_end_ms: int
    """Event time at which it ends, exclusive; for windows counted in rows, the time of the last row."""
    score: float
    """The float32 score, exactly; higher is more abnormal."""
    threshold: float
    """θ of the bundle."""
    channels_seen: list[str]
    """Channels with at least one usable sample in the window."""
    attributions: dict[str, float] = msgspec.field(default_factory=dict)
    """Channels (and cross features) that raise the score, and the part of each in what was raised; largest first.
    Empty in events that were written before there were any."""
    features: list[float | None]
    """The feature vector in the order of the feature set; null where there is no value."""
    feature_set: str
    """Version of the feature set that gives `features` their names and units."""
    bundle: str
    """Content hash of the bundle that scored."""
    partition: int
    """Of the telemetry topic that the window was read from."""
    first_offset: int
    """There, of the window's earliest record."""
    last_offset: int
    """There, of its latest record."""
    topic: str
    """The telemetry topic that the window was read from."""

    @classmethod
    def decode(cls, value: bytes) -> AnomalyEvent:
        """The event of a record.

        Raises:
            FormatError: it is of a format that this version does not know.
            HeadraceError: the bytes are no event.
        """
        return _decode(value)


_decode: Callable[[bytes], AnomalyEvent] = decoder({FORMAT: AnomalyEvent}, "events record", "an anomaly event")
