"""The job as a Headrace plant: its description, and its network as a bundle in a registry."""

from __future__ import annotations

from collections.abc import Sequence

from bench.job import MACHINES, MEASURES, PARTITIONS, WINDOW_MS, Measure, machine_id
from features.plant import Channel, Machine, MachineClass, Place, Plant, Topics, Window

CLASS = "machine"
_PLACE = Place(enterprise="headrace", site="bench", area="hall", line="one")
TUMBLING = Window(length_s=WINDOW_MS / 1000)


def bench_plant(
    name: str,
    telemetry_topic: str,
    *,
    window: Window = TUMBLING,
    machines: int = MACHINES,
    measures: Sequence[Measure] = MEASURES,
) -> Plant:
    """The plant of one run; `name` is its consumer group and begins the names of what it writes.

    Bad channels make bad records, as the job has it; late records come never, so there is no grace.
    """
    machine_class = MachineClass(
        channels={measure.name: _channel(measure) for measure in measures}, window=window, bad_channel="drop_record"
    )
    return Plant(
        version=1,
        name=name,
        classes={CLASS: machine_class},
        machines=tuple(Machine(id=machine_id(i), class_=CLASS, place=_PLACE) for i in range(machines)),
        topics=Topics.under(name, telemetry_topic, PARTITIONS),
    )


def _channel(measure: Measure) -> Channel:
    return Channel(
        unit=measure.unit, range=measure.hard, clamp=measure.soft, resolution=round(0.1**measure.decimals, 9)
    )
