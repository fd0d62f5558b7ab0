"""What is wrong with a plant description that its types alone cannot say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.plant import Alarm, Channel, MachineClass, Plant  # which calls what is here

MAX_STEPS = 1 << 24
"""Most resolution steps over a channel's range: keeps sums of squares of a window exact in 64-bit integers."""
MAX_WINDOW_SAMPLES = 1 << 15
"""Most samples of one channel in one window, for the same reason."""


def problems(plant: Plant) -> list[tuple[str, str]]:
    """(path, problem) of each mistake, in the order of the file."""
    found: list[tuple[str, str]] = []
    for name, machine_class in plant.classes.items():
        found += _class_problems(f"$.classes.{name}", machine_class)
    seen: dict[str, int] = {}
    for i, machine in enumerate(plant.machines):
        if machine.class_ not in plant.classes:
            found.append((f"$.machines[{i}].class", f"expected one of {sorted(plant.classes)}, got {machine.class_!r}"))
        if machine.id in seen:
            found.append(
                (f"$.machines[{i}].id", f"expected a new id, got {machine.id!r} as in machines[{seen[machine.id]}]")
            )
        seen[machine.id] = i
    if not 1970 < plant.limits.earliest.year < 2262:
        found.append(("$.limits.earliest", f"expected a day from 1971 to 2261, got {plant.limits.earliest}"))
    found += _topic_problems(plant)
    for name in plant.costs:
        if name not in plant.classes:
            found.append((f"$.costs.{name}", f"expected one of {sorted(plant.classes)}, got {name!r}"))
    return found


def _topic_problems(plant: Plant) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    topics = plant.topics
    own = {f"telemetry[{i}].name": topic.name for i, topic in enumerate(topics.telemetry)}
    own |= topics.own
    for i, (place, name) in enumerate(own.items()):
        if name in list(own.values())[:i]:
            found.append((f"$.topics.{place}", f"expected a topic of its own, got {name!r} again"))
    channels = {channel for machine_class in plant.classes.values() for channel in machine_class.channels}
    for i, topic in enumerate(plant.topics.telemetry):
        unknown = sorted(set(topic.fields) - channels)
        found += [
            (f"$.topics.telemetry[{i}].fields.{name}", f"expected the name of a channel of some class, got {name!r}")
            for name in unknown
        ]
        named = [topic.machine, topic.time, *(topic.fields.get(channel, channel) for channel in channels)]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            problem = f"expected a JSON field of its own for machine, time and each channel, got {twice[0]!r} twice"
            found.append((f"$.topics.telemetry[{i}]", problem))
    if any(topic.format == "tag" for topic in plant.topics.telemetry):
        for name, machine_class in plant.classes.items():
            if not machine_class.window.grace_ms:
                needed = "expected more than 0 where a record has one tag: those of one time come one after the other"
                found.append((f"$.classes.{name}.window.grace_s", f"{needed}, got 0"))
    return found


def _class_problems(path: str, machine_class: MachineClass) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, channel in machine_class.channels.items():
        found += [(f"{path}.channels.{name}{at}", problem) for at, problem in _channel_problems(channel)]
    for name, cross in machine_class.cross.items():
        for channel_name in cross.of:
            if channel_name not in machine_class.channels:
                found.append((f"{path}.cross.{name}.of", f"expected a channel of the class, got {channel_name!r}"))
    found += [(f"{path}.alarm{at}", problem) for at, problem in _alarm_problems(machine_class.alarm)]
    return found + [(f"{path}.window", problem) for problem in _window_problems(machine_class)]


def _alarm_problems(alarm: Alarm) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if alarm.needed > alarm.of:
        found.append((".needed", f"expected at most {alarm.of}, as `of` says, got {alarm.needed}"))
    if alarm.recovery and (alarm.of, alarm.release) != (1, 1.0):
        found.append(
            (".recovery", "expected it without x-of-y and hysteresis, which it brings in its own way, got both")
        )
    if alarm.high <= alarm.medium:
        found.append((".high", f"expected more than {alarm.medium}, as `medium` says, got {alarm.high}"))
    return found


def _channel_problems(channel: Channel) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    low, high = channel.range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return [(".range", f"expected [low, high] with low < high, got [{low}, {high}]")]
    if channel.clamp and not low <= channel.clamp[0] < channel.clamp[1] <= high:
        found.append((".clamp", f"expected [low, high] inside the range, got {list(channel.clamp)}"))
    steps = (channel.limits[1] - channel.limits[0]) / channel.resolution
    if not 1 <= steps <= MAX_STEPS:
        found.append((".resolution", f"expected 1 to {MAX_STEPS} steps over the range, got {steps:.0f}"))
    if channel.denoise % 2 == 0:
        found.append((".denoise", f"expected an odd number of samples, got {channel.denoise}"))
    return found


def _window_problems(machine_class: MachineClass) -> list[str]:
    window = machine_class.window
    if (window.length_s is None) == (window.length_rows is None):
        return ["expected either length_s or length_rows, got both or neither"]
    if (window.hop_rows if window.length_s else window.hop_s) is not None:
        return ["expected the hop in the same unit as the length, got one in seconds and one in rows"]
    if window.hop < 1 or window.length % window.hop:
        return [f"expected a hop that divides the length, got {window.length} and {window.hop} (ms or rows)"]
    if not window.by_rows and window.length > 1 << 24 and window.hop % 1000:
        return [f"expected a hop of whole seconds in a window over {1 << 24} ms, got {window.hop} ms"]
    shortest = min(channel.period_s for channel in machine_class.channels.values())
    samples = window.length if window.by_rows else window.length / 1000 / shortest
    if samples > MAX_WINDOW_SAMPLES:
        return [f"expected at most {MAX_WINDOW_SAMPLES} samples of a channel in a window, got {samples:.0f}"]
    return []
