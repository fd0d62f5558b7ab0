"""The plant that is broken on purpose: two classes, time and row windows of a few seconds, all cleaning rules."""

from __future__ import annotations

from features.plant import Alarm, Channel, Machine, MachineClass, Place, Plant, Topics, Window
from features.schema import FeatureSet
from training.bundle import Bundle, bundle_from_dense

FLOW_LIMIT = 50.0
"""Mean flow above which the bundle of the harness finds a pump abnormal: half of all windows are events."""
CALM = Alarm()
"""As a plant has it that says nothing about alarms."""
CHATTERING = Alarm(off_delay_s=2, update_s=30, blind_s=4)
"""Alerts that come and go within seconds, each of them the same alert again: much happens to every one."""
PLACE = Place(enterprise="e", site="s", area="a", line="l")


def plant_named(name: str, machines: int = 40, partitions: int = 4, alarm: Alarm = CALM) -> Plant:
    """Pumps and motors; topics carry the plant's name."""
    name = name.replace("-", "_")
    classes = {
        "pump": MachineClass(
            channels={
                "flow": Channel(unit="m3/h", range=(0, 100), resolution=0.1, max_rate=30, stuck_s=4, denoise=3),
                "pressure": Channel(unit="bar", range=(0, 10), resolution=0.01),
            },
            window=Window(length_s=4, hop_s=2, grace_s=2),
            alarm=alarm,
        ),
        "motor": MachineClass(
            channels={"speed": Channel(unit="rpm", range=(0, 3000), resolution=1)},
            window=Window(length_rows=3),
            alarm=alarm,
        ),
    }
    made = [Machine(id=f"m-{i}", class_=("pump", "motor")[i % 3 == 2], place=PLACE) for i in range(machines)]
    return Plant(
        version=1,
        name=name,
        classes=classes,
        machines=tuple(made),
        topics=topics_of(name, partitions),
    )


def topics_of(name: str, partitions: int) -> Topics:
    """All topics, with the plant's name in front."""
    return Topics.under(name, f"{name}.telemetry", partitions)


def flow_over(plant: Plant, limit: float) -> Bundle:
    """Finds pumps abnormal whose mean flow is over a limit."""
    return bundle_from_dense(
        FeatureSet.of(plant, "pump"),
        ["flow__mean"],
        mean=[limit],
        deviation=[1.0],
        layers=[([[1.0]], [0.0])],
        threshold=0.5,
    )
