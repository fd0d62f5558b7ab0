"""The plant that is broken on purpose: two classes, time and row windows of a few seconds, all cleaning rules."""

from __future__ import annotations

from features.plant import Channel, Machine, MachineClass, Place, Plant, TelemetryTopic, Topics, Window
from features.schema import FeatureSet
from training.bundle import Bundle, bundle_from_dense

FLOW_LIMIT = 50.0
"""Mean flow above which the bundle of the harness finds a pump abnormal: half of all windows are events."""
PLACE = Place(enterprise="e", site="s", area="a", line="l")


def plant_named(name: str, machines: int = 40, partitions: int = 4) -> Plant:
    """Pumps and motors; topics carry the plant's name."""
    name = name.replace("-", "_")
    classes = {
        "pump": MachineClass(
            channels={
                "flow": Channel(unit="m3/h", range=(0, 100), resolution=0.1, max_rate=30, stuck_s=4, denoise=3),
                "pressure": Channel(unit="bar", range=(0, 10), resolution=0.01),
            },
            window=Window(length_s=4, hop_s=2, grace_s=2),
        ),
        "motor": MachineClass(
            channels={"speed": Channel(unit="rpm", range=(0, 3000), resolution=1)}, window=Window(length_rows=3)
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
    telemetry = (TelemetryTopic(name=f"{name}.telemetry"),)
    own = {use: usual.replace("headrace", name, 1) for use, usual in Topics(telemetry=telemetry).own.items()}
    return Topics(telemetry=telemetry, partitions=partitions, **own)


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
