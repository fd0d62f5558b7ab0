"""The machine classes that have physics."""

from __future__ import annotations

from features.errors import PlantError
from features.plant import Plant
from simulator.compressor import Compressor
from simulator.conveyor import Conveyor
from simulator.model import Model
from simulator.motor import Motor
from simulator.pump import Pump

MODELS: dict[str, type[Model]] = {
    "compressor": Compressor,
    "conveyor": Conveyor,
    "motor": Motor,
    "pump": Pump,
}
"""Class name in the plant description → its physics."""


def model_of(class_name: str) -> type[Model]:
    """Raises PlantError where the class has no physics."""
    try:
        return MODELS[class_name]
    except KeyError:
        raise PlantError(f"simulated class: expected one of {', '.join(MODELS)}, got {class_name!r}") from None


def check_simulable(plant: Plant) -> None:
    """Raises PlantError where a class or a channel of the plant has no physics."""
    for name, machine_class in plant.classes.items():
        signals = model_of(name).SIGNALS
        for channel in machine_class.channels:
            if channel not in signals:
                raise PlantError(f"simulated channel of {name}: expected one of {', '.join(signals)}, got {channel!r}")
