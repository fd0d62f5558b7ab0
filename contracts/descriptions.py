"""What the source says of each field of a struct: the docstring below it, which Python itself does not keep."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

import msgspec

FORMAT = (
    "Version of the record's format: refuse one that you do not know. A new field alone does not change it: pass over "
    "names that you do not know."
)


def of(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Description of each documented field, its own or inherited; of `format` always the same one."""
    found: dict[str, str] = {}
    for part in reversed(struct.__mro__):
        if issubclass(part, msgspec.Struct) and part is not msgspec.Struct:
            found |= _own(part)
    return found | {"format": FORMAT}


def plain(docstring: str) -> str:
    """Without the source's indents and line ends; paragraphs stay."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _own(struct: type) -> dict[str, str]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - the source of a class is one
    found = {}
    for field, below in pairwise(tree.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = plain(text)
    return found
