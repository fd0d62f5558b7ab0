"""What a change of a schema breaks: programs that read by the old schema, or old records that the new code reads.

The promise: within one format fields may be added, and nothing changes that a program or a record of before would
notice. What would be noticed needs a new `format`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from contracts.shape import HIGHEST, LOWEST, OPAQUE, Schema, alternatives, listed

Harm = Literal["readers", "records"]
"""readers: programs that read by the old schema what is written now. records: old ones, read by the new code."""


class Break(NamedTuple):
    """Something that a change breaks."""

    harm: Harm
    where: str
    """The record and the path in it, as in `alert.v1 $.evidence.events`."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} (harms old {self.harm})"


def broken(old: dict[str, Schema], new: dict[str, Schema], heard: frozenset[str] = frozenset()) -> list[Break]:
    """What the step from some schemas to others breaks.

    Args:
        old, new: schemas by title (`alert.v1`).
        heard: titles of records that Headrace only hears: nobody else reads them, so that only old records count.

    A format that is gone breaks nothing where a later one took its place: its readers refuse the new number.
    """
    found = []
    for title, schema in old.items():
        if title in new:
            breaks = between(schema, new[title], title)
            found += [each for each in breaks if each.harm == "records" or title not in heard]
        elif not any(_is_later(other, title) for other in new):
            found += _both(title, "the record is gone")
    return found


def between(old: Schema, new: Schema, title: str) -> list[Break]:
    """What the step from one schema of a record to another breaks."""
    return list(dict.fromkeys(_Step(old, new).breaks(old, new, f"{title} $")))


class _Step:
    """From one schema to another; knows both whole, to follow their references."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def breaks(self, old: Schema, new: Schema, where: str) -> Iterator[Break]:
        """At one place and below it."""
        before, after = alternatives(old, self._old), alternatives(new, self._new)
        for kind in sorted(before):
            if (now := _of_type(kind, after)) is None:
                yield Break("records", where, f"could be {kind}, which is not read any more")
            else:
                yield from self._within(before[kind], now, where)
        for kind in sorted(after):
            if _of_type(kind, before) is None:
                yield Break("readers", where, f"can be {kind} now, which was not said")
        if "default" in old and "default" in new and old["default"] != new["default"]:
            yield Break("records", where, f"meant {old['default']!r} where it is missing, and {new['default']!r} now")

    def _within(self, old: Schema, new: Schema, where: str) -> Iterator[Break]:
        """Values of one type."""
        yield from _values(old, new, where)
        yield from self._fields(old, new, where)
        for keyword, at in (("additionalProperties", ".*"), ("items", "[*]")):
            if keyword not in old and keyword not in new:
                continue
            was, now = old.get(keyword, {}), new.get(keyword, {})
            if isinstance(was, dict) and isinstance(now, dict):
                yield from self.breaks(was, now, where + at)
            elif was != now:
                yield from _both(where, f"{keyword} was {was} and is {now}")

    def _fields(self, old: Schema, new: Schema, where: str) -> Iterator[Break]:
        was, now = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(was.keys() - now.keys()):
            yield from _both(f"{where}.{name}", "the field is gone")
        for name in sorted(needs - needed):
            yield Break("records", f"{where}.{name}", "the field is required now, and older records may lack it")
        for name in sorted((needed - needs) & now.keys()):
            yield Break("readers", f"{where}.{name}", "the field may be missing now, and was always there")
        for name in was.keys() & now.keys():
            yield from self.breaks(was[name], now[name], f"{where}.{name}")


def _values(old: Schema, new: Schema, where: str) -> Iterator[Break]:
    """What a value may be, within its type."""
    was, now = listed(old), listed(new)
    if was is not None and (now is None or now - was):
        come = "anything" if now is None else " or ".join(sorted(now - was))
        yield Break("readers", where, f"can be {come} now, and was one of {', '.join(sorted(was))}")
    if now is not None and (was is None or was - now):
        gone = "anything" if was is None else " or ".join(sorted(was - now))
        yield Break("records", where, f"could be {gone}, and only {', '.join(sorted(now))} is read now")
    for keyword in sorted(LOWEST | HIGHEST):
        yield from _bound(keyword, old.get(keyword), new.get(keyword), where)
    for keyword in sorted(OPAQUE):
        if old.get(keyword) != new.get(keyword):
            yield from _both(where, f"{keyword} was {old.get(keyword)!r} and is {new.get(keyword)!r}")


def _bound(keyword: str, old: float | None, new: float | None, where: str) -> Iterator[Break]:
    """A bound that came or was tightened refuses old records; one that went or was loosened lets new values out."""
    if old != new:
        tighter = old is None or (new is not None and (new > old if keyword in LOWEST else new < old))
        was, now = ("none" if bound is None else bound for bound in (old, new))
        yield Break("records" if tighter else "readers", where, f"{keyword} was {was} and is {now}")


def _both(where: str, what: str) -> list[Break]:
    return [Break("readers", where, what), Break("records", where, what)]


def _of_type(kind: str, among: dict[str, Schema]) -> Schema | None:
    """The alternative that takes values of a type; every integer is a number."""
    return among.get(kind, among.get("number") if kind == "integer" else None)


def _is_later(title: str, than: str) -> bool:
    (name, _, version), (other, _, before) = title.rpartition(".v"), than.rpartition(".v")
    return name == other and int(version) > int(before)
