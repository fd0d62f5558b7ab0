"""The command line's part of alerts: `failure-modes`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from alerts.catalogue import Catalogue
from alerts.modes import Modes
from features.errors import PlantError
from features.plant import Plant
from training import options


@click.command("failure-modes")
@options.plant
def failure_modes(plant: str) -> None:
    """Validate the failure modes that the plant description names, and print what they describe.

    A mistake is named with its file, line and place. See docs/failure-modes.md.
    """
    described = Plant.load(plant)
    catalogue = Catalogue.of(described)
    if catalogue is None:
        raise PlantError(f"{plant}: expected `catalogue:` with a file of failure modes, got none")
    for line in _summary(catalogue, described):
        click.echo(line)


def _summary(catalogue: Catalogue, plant: Plant) -> Iterator[str]:
    for name, described in catalogue.classes.items():
        yield f"{name}{'' if name in plant.classes else ' (not in the plant)'}: {_told(described)}"
    yield from (f"{name}: no failure modes" for name in plant.classes if name not in catalogue.classes)
    yield f"any sensor: {', '.join(catalogue.sensors) or 'none'}"


def _told(described: Modes) -> str:
    parts = {part.part for mode in described.modes.values() for part in mode.parts}
    return f"{len(described.modes)} failure modes ({', '.join(described.modes)}), {len(parts)} spare parts"
