"""Reading one doubtful record with care: the slow path beside the fast decoders, and the judge of what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

from streams.reasons import Reason, Unusable


def read_object(value: bytes | None, known: Collection[str], max_bytes: int) -> dict[str, Any]:
    """The record's JSON object. NaN and Infinity are read as numbers; unknown fields stay in.

    Args:
        value: the record's value.
        known: fields that must not stand there twice.
        max_bytes: longest value that is read.

    Raises:
        Unusable: with the reason, whatever the bytes are.
    """
    if value is None:
        raise Unusable(Reason.TOMBSTONE, "expected a JSON object, got no value")
    if len(value) > max_bytes:
        raise Unusable(Reason.TOO_LARGE, f"expected at most {max_bytes} bytes, got {len(value)}")
    repeated: list[str] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        repeated[:] = [] if len(found) == len(pairs) else _repeated(pairs, known)
        return found  # the outermost object comes last, so `repeated` is its

    try:
        data = json.loads(value.decode("utf-8"), object_pairs_hook=build)
    except UnicodeDecodeError as error:
        raise Unusable(Reason.NOT_UTF8, f"expected UTF-8, got {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise Unusable(Reason.MALFORMED, "expected a flat JSON object, got one nested too deeply") from error
    except ValueError as error:
        raise Unusable(Reason.MALFORMED, f"expected JSON, got {str(error)[:120]}") from error
    if not isinstance(data, dict):
        raise Unusable(Reason.NOT_AN_OBJECT, f"expected a JSON object, got {type(data).__name__}")
    if repeated:
        raise Unusable(Reason.DUPLICATE_KEY, f"expected each field once, got {repeated[0]!r} again")
    return data


def _repeated(pairs: list[tuple[str, Any]], known: Collection[str]) -> list[str]:
    names = [name for name, _ in pairs if name in known]
    return [name for i, name in enumerate(names) if name in names[:i]]


def read_machine(data: dict[str, Any], field: str) -> str:
    """Raises Unusable where the machine is not named by a text."""
    machine = data.get(field)
    if not isinstance(machine, str) or not machine:
        raise Unusable(Reason.NO_MACHINE, f"expected a text in {field!r}, got {_show(machine)}")
    return machine


def read_time(data: dict[str, Any], field: str) -> int | float:
    """The event time in the topic's unit. Raises Unusable where it is no finite number."""
    time = data.get(field)
    if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(_float(time)):
        raise Unusable(Reason.NO_TIME, f"expected a number in {field!r}, got {_show(time)}")
    return time


def read_channel(value: object) -> tuple[float, str]:
    """A channel's value and "", or NaN and why it is no measurement."""
    if value is None:
        return math.nan, "null"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan, "wrong_type"
    number = _float(value)
    return (number, "") if math.isfinite(number) else (math.nan, "not_finite")


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _show(value: object) -> str:
    return "nothing" if value is None else f"{str(value)[:40]!r}"
