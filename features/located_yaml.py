"""YAML that knows its lines: whatever is wrong in it is told with file, line and path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

import msgspec
import yaml

from features.errors import PlantError

T = TypeVar("T")
DEEPEST = 50
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class LocatedYaml:
    """A YAML text as data."""

    def __init__(self, text: str, source: str) -> None:
        """`source` is named in errors. Raises PlantError where the text is no YAML."""
        self._source, self._text = source, text
        if _depth(text) > DEEPEST:
            raise PlantError(f"{source}:1: expected at most {DEEPEST} brackets inside each other, got {_depth(text)}")
        try:
            self._data = yaml.load(text, Loader=_Loader)  # noqa: S506 - the safe loader, in C where there is one
            self._refuse_repetitions(yaml.compose(text, Loader=_Loader))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            raise PlantError(f"{source}:{line}: expected YAML, got {getattr(error, 'problem', error)}") from error

    def _refuse_repetitions(self, node: yaml.Node | None) -> None:
        """Raises PlantError where a name stands twice in one mapping: YAML would silently take the last."""
        children = list(node.value) if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for name, value in node.value:
                line = name.start_mark.line + 1
                if str(name.value) in seen:
                    first = seen[str(name.value)]
                    raise PlantError(f"{self._source}:{line}: expected {name.value!r} once, got it in line {first} too")
                seen[str(name.value)] = line
                children.append(value)
        for child in children:
            self._refuse_repetitions(child)

    def convert(self, kind: type[T]) -> T:
        """The data as a validated type; raises PlantError."""
        try:
            return msgspec.convert(self._data, kind)
        except msgspec.ValidationError as error:
            self.fail(*_named(self._data, kind, error))

    def fail(self, path: str, problem: str) -> NoReturn:
        """Raises PlantError for what stands at a path such as `$.machines[3].place`."""
        raise PlantError(f"{self._source}:{self._line(path)}: at {path or '$'}: {problem}")

    def _line(self, path: str) -> int:
        node: yaml.Node | None = yaml.compose(self._text, Loader=_Loader)
        line = 1
        for step in _steps(path):
            named, node = _child(node, step)
            if named is None:
                break
            line = named.start_mark.line + 1
        return line


def _depth(text: str) -> int:
    """The deepest nesting of brackets; the parser in C would overflow its stack on thousands."""
    deepest = depth = 0
    for character in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if character in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _steps(path: str) -> Iterator[str | int]:
    """Names and indices of a path."""
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        yield name or int(index)


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Where a part begins, its name included, and the part; None where there is none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, yaml.MappingNode):
        return next(((name, value) for name, value in node.value if name.value == step), (None, None))
    return None, None


def _named(data: Any, kind: type, error: msgspec.ValidationError) -> tuple[str, str]:
    """Path and message of an error in the data, which are pruned to what it is about.

    The validator leaves the names in mappings open, as in `$.classes[...].window`; the name is the one that still
    fails so when it is alone.
    """
    message, _, path = str(error).partition(" - at `")
    path = re.sub(r"^key` in `(.*)`$", r"\1[...]", path).rstrip("`")
    while "[...]" in path:
        before, _, after = path.partition("[...]")
        mapping = data
        for step in _steps(before):
            mapping = mapping[step]
        everything = dict(mapping)
        for name, value in everything.items():
            mapping.clear()
            mapping[name] = value
            if _fails_so(data, kind, error):
                break
        path = f"{before}.{name}{after}"
    return path, message


def _fails_so(data: Any, kind: type, error: msgspec.ValidationError) -> bool:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as found:
        return str(found) == str(error)
    return False
