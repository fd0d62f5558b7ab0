"""The plant description: machine classes, machines, topics and costs, read from `plant.yaml` and validated.

`Plant.load(path)` is the only way in. Every mistake is a `PlantError` that names file, line and path.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta

from features.errors import PlantError
from features.located_yaml import LocatedYaml
from features.plant_problems import problems

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="lower-case identifier")]
TopicName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="name that Kafka allows")]
MachineId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
LARGEST = 1e15
"""Times in milliseconds of anything up to it fit 64 bits; no plant needs more."""
Positive = Annotated[float, Meta(gt=0, le=LARGEST)]
NotNegative = Annotated[float, Meta(ge=0, le=LARGEST)]
Field = Annotated[str, Meta(pattern=r'^[^"\\\x00-\x1f]+$', description="name of a JSON field")]
Count = Annotated[int, Meta(ge=1)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A validated, immutable piece of the description; unknown fields are refused."""


class Channel(_Part, frozen=True):
    """One measured quantity of a machine class."""

    unit: str
    """Unit of every value of this channel, as written by the plant (UCUM where possible)."""
    range: tuple[float, float]
    """Lowest and highest possible value; a sample outside is not a measurement and becomes missing."""
    resolution: Positive
    """Smallest step that matters, in `unit`; values are rounded to it so that sums are exact."""
    period_s: Positive = 1.0
    """Expected seconds between two samples."""
    clamp: tuple[float, float] | None = None
    """Values inside `range` but outside this are clamped to it; None: no clamping."""
    max_rate: Positive | None = None
    """Fastest possible change, in `unit` per second; a faster sample becomes missing. None: not checked."""
    stuck_s: Positive | None = None
    """A value unchanged for this many seconds is a stuck sensor and becomes missing. None: not checked."""
    denoise: Annotated[int, Meta(ge=1, le=9)] = 1
    """Samples in a trailing median that removes single spikes; odd; 1 leaves the samples as they are."""

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest value that a feature can see: `clamp` if given, else `range`."""
        return self.clamp or self.range

    @property
    def centre(self) -> float:
        """The value that the integer 0 stands for in sums."""
        low, high = self.limits
        return round((low + high) / 2 / self.resolution) * self.resolution


class Cross(_Part, frozen=True):
    """A feature across two channels, computed from their window means."""

    function: Literal["difference", "ratio", "product"]
    of: tuple[Name, Name]


class Window(_Part, frozen=True):
    """The window of a machine class, in event time or in rows; the hop divides the length."""

    length_s: Positive | None = None
    hop_s: Positive | None = None
    """None: as `length_s` (tumbling)."""
    length_rows: Count | None = None
    hop_rows: Count | None = None
    """None: as `length_rows` (tumbling)."""
    grace_s: NotNegative = 0.0
    """How far behind its machine's newest record a record may come and still count. With 0 a record counts at once, and
    a second one of its time is a duplicate; with more, records of one machine and time are put together."""

    @property
    def by_rows(self) -> bool:
        return self.length_rows is not None

    @property
    def length(self) -> int:
        """Milliseconds, or rows."""
        return self.length_rows if self.length_rows is not None else round((self.length_s or 0) * 1000)

    @property
    def hop(self) -> int:
        """Milliseconds, or rows."""
        if self.by_rows:
            return self.hop_rows or self.length
        return round(self.hop_s * 1000) if self.hop_s else self.length

    @property
    def panes(self) -> int:
        """Hops in a window."""
        return self.length // self.hop

    @property
    def grace_ms(self) -> int:
        return round(self.grace_s * 1000)


class Alarm(_Part, frozen=True):
    """When scores become an alert of a machine, and when it is over."""

    needed: Count = 1
    """Of the last `of` windows so many must be above the threshold."""
    of: Annotated[int, Meta(ge=1, le=1000)] = 1
    release: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Hysteresis: while in alarm, windows count that are above this part of the threshold."""
    recovery: bool = False
    """The alarm also ends when the score has fallen far below its peak, though not to normal: see docs/alerts.md."""
    on_delay_s: NotNegative = 0.0
    """Event time for which the alarm must last before the alert is raised."""
    off_delay_s: NotNegative = 600.0
    """Event time for which it must be over before the alert is cleared."""
    reopen_s: NotNegative = 3600.0
    """An alarm within this event time after its alert was cleared is the same alert again, and not a new one."""
    update_s: Positive = 1800.0
    """Event time after which an active alert is told again although nothing about it changed."""
    medium: Positive = 3.0
    """Severity is medium from this many times the threshold on (smoothed over five windows) …"""
    high: Positive = 10.0
    """… and high from this many."""
    blind_s: NotNegative = 900.0
    """Event time for which a channel must be without usable samples before that is an alert of its own."""


class MachineClass(_Part, frozen=True):
    """Machines built alike: the same channels, windows and features."""

    channels: Annotated[dict[Name, Channel], Meta(min_length=1)]
    window: Window
    description: str = ""
    cross: dict[Name, Cross] = {}
    bad_channel: Literal["missing", "drop_record"] = "missing"
    """What an unusable sample does: the channel is missing, or the whole record becomes a dead letter."""
    alarm: Alarm = Alarm()


class Place(_Part, frozen=True):
    """Where a machine stands, in the words of ISA-95."""

    enterprise: str
    site: str
    area: str
    line: str


class Machine(_Part, frozen=True):
    """A physical asset; its `id` is the Feast entity and the Kafka key."""

    id: MachineId
    class_: Name = msgspec.field(name="class")
    place: Place
    attributes: dict[Name, str | int | float] = {}
    """What does not change while it runs: rated power, year of make, bearing type …"""


class TelemetryTopic(_Part, frozen=True):
    """A raw topic and how its JSON maps to machines, times and channels."""

    name: TopicName
    format: Literal["wide", "tag"] = "wide"
    """wide: one record has many channels of one time. tag: one record has one channel."""
    machine: Field = "machine_id"
    """JSON field that names the machine."""
    time: Field = "ts"
    """JSON field of the event time."""
    time_unit: Literal["ms", "s", "us"] = "ms"
    fields: dict[Name, Field] = {}
    """wide: channel name to JSON field, where they differ. tag: channel name to tag, where they differ."""
    tag: Field = "tag"
    """tag format: JSON field that names the channel."""
    value: Field = "value"
    """tag format: JSON field of the value."""


class Topics(_Part, frozen=True):
    """The topics Headrace reads and writes; all have `partitions` partitions and are keyed by machine."""

    telemetry: Annotated[tuple[TelemetryTopic, ...], Meta(min_length=1)]
    partitions: Annotated[int, Meta(ge=1, le=10_000)] = 4
    features: TopicName = "headrace.features"
    events: TopicName = "headrace.events"
    dead_letters: TopicName = "headrace.dead-letters"
    snapshots: TopicName = "headrace.snapshots"
    alerts: TopicName = "headrace.alerts"
    alert_state: TopicName = "headrace.alert-state"
    commands: TopicName = "headrace.commands"
    feedback: TopicName = "headrace.feedback"
    work_orders: TopicName = "headrace.work-orders"
    parts_demand: TopicName = "headrace.parts-demand"

    @classmethod
    def under(cls, name: str, telemetry: str, partitions: int) -> Topics:
        """All topics of Headrace's own with a name in front instead of `headrace`."""
        read = (TelemetryTopic(name=telemetry),)
        own = {use: usual.replace("headrace", name, 1) for use, usual in cls(telemetry=read).own.items()}
        return cls(telemetry=read, partitions=partitions, **own)

    @property
    def own(self) -> dict[str, str]:
        """The name of each topic that is Headrace's own, by what it is for."""
        return {part.name: getattr(self, part.name) for part in msgspec.structs.fields(self) if part.type is TopicName}


class Cost(_Part, frozen=True):
    """What decisions cost, in any one currency; used to choose the threshold θ."""

    false_alarm: Positive = 1.0
    miss: Positive = 20.0


class Limits(_Part, frozen=True):
    """What a record may be before it becomes a dead letter."""

    max_record_bytes: Count = 1_000_000
    future_s: Positive = 300.0
    """How far an event time may be ahead of the record's ingestion time."""
    earliest: date = date(2000, 1, 1)
    """Event times before this day (UTC) are wrong clocks or wrong units."""


class Plant(_Part, frozen=True):
    """The whole description."""

    version: Literal[1]
    name: Name
    classes: Annotated[dict[Name, MachineClass], Meta(min_length=1)]
    machines: Annotated[tuple[Machine, ...], Meta(min_length=1)]
    topics: Topics
    costs: dict[Name, Cost] = {}
    limits: Limits = Limits()
    catalogue: str | None = None
    """File of failure modes (see docs/failure-modes.md), relative to this one; None: alerts come without diagnosis."""

    @classmethod
    def load(cls, path: str | Path) -> Plant:
        """Read and validate a plant description.

        Raises:
            PlantError: the file cannot be read, is no YAML, or is not a valid description.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise PlantError(f"{path}: expected a readable plant description, got {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise PlantError(f"{path}: expected UTF-8, got {error.reason} at byte {error.start}") from error
        plant = cls.parse(text, str(path))
        if plant.catalogue is None:
            return plant
        return msgspec.structs.replace(plant, catalogue=str(path.absolute().parent / plant.catalogue))

    @classmethod
    def parse(cls, text: str, source: str = "plant.yaml") -> Plant:
        """As `load`, from text; `source` is named in errors."""
        place = LocatedYaml(text, source)
        plant = place.convert(cls)
        for path, problem in problems(plant):
            place.fail(path, problem)
        return plant

    def dump(self) -> str:
        """The description as YAML that `parse` reads back to an equal plant."""
        text: str = yaml.dump(msgspec.to_builtins(self), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        return text

    def machines_of(self, class_name: str) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines if machine.class_ == class_name)

    def machine(self, machine_id: str) -> Machine:
        """Raises PlantError where there is no such machine."""
        for machine in self.machines:
            if machine.id == machine_id:
                return machine
        raise PlantError(
            f"machine: expected one of the {len(self.machines)} machines of {self.name}, got {machine_id!r}"
        )

    def cost_of(self, class_name: str) -> Cost:
        return self.costs.get(class_name, Cost())


_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
