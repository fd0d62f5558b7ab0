"""Versions of what is written: a number called `format`, looked at before anything else of it is.

What follows may have other fields in another version, so a reader is chosen by the number alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from features.errors import FormatError, HeadraceError

T = TypeVar("T")


class Version(msgspec.Struct, frozen=True):
    """What all versions of all formats have in common; other fields are passed over."""

    format: int


def reader(readers: Mapping[int, T], version: int, what: str, error: type[HeadraceError] = FormatError) -> T:
    """What reads a version.

    Args:
        what: is to be read, in the words of a person.

    Raises:
        FormatError (or `error`): no reader knows the version.
    """
    if version in readers:
        return readers[version]
    known = " or ".join(map(str, sorted(readers)))
    raise error(
        f"{what}: expected format {known}, got {version}: written by another version of Headrace; "
        "upgrade what reads before what writes (docs/upgrading.md)"
    )
