"""Public records of any content, made from their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from contracts import command
from contracts.public import PUBLIC, Public
from contracts.record import Record

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats().filter(lambda number: not number.is_integer())
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
"""Anything that `json.dumps` writes, NaN and Infinity too, which are no JSON. But no 1.0, which JSON Schema takes for
an integer, and our readers do not."""


def decode_of(public: Public) -> Callable[[bytes], Record]:
    """What reads records of a type; commands have one reader together."""
    found: Callable[[bytes], Record] = getattr(public.record, "decode", command.decode)
    return found


def records(public: Public) -> st.SearchStrategy[Any]:
    """Records of a type as Headrace may write them: of its own format, with finite numbers."""
    return st.deferred(lambda: _values(inspect.type_info(public.record))).map(
        lambda record: msgspec.structs.replace(record, format=public.format)
    )


def any_record() -> st.SearchStrategy[tuple[Public, Any]]:
    return st.sampled_from(PUBLIC).flatmap(lambda public: st.tuples(st.just(public), records(public)))


def _values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type as msgspec sees it."""
    match kind:
        case inspect.StructType():
            return st.builds(kind.cls, **{field.name: _values(field.type) for field in kind.fields})
        case inspect.UnionType():
            return st.one_of([_values(part) for part in kind.types])
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.ListType():
            return st.lists(_values(kind.item_type), max_size=3)
        case inspect.VarTupleType():
            return st.lists(_values(kind.item_type), max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(_values(kind.key_type), _values(kind.value_type), max_size=3)
        case inspect.StrType():
            return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or 9, 9))
        case inspect.IntType():
            return st.integers(-(2**63) if kind.ge is None else kind.ge, 2**63 - 1 if kind.le is None else kind.le)
        case inspect.FloatType():
            low, high = (kind.gt if kind.ge is None else kind.ge), (kind.lt if kind.le is None else kind.le)
            open_ends = {"exclude_min": kind.gt is not None, "exclude_max": kind.lt is not None}
            return st.floats(low, high, allow_nan=False, allow_infinity=False, **open_ends)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    raise NotImplementedError(f"expected a type that public records have, got {kind}")
