"""Hypothesis strategies for the model's types, made from their annotations: a new field is covered at once."""

import types
import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Union

from hypothesis import strategies as st

from sensor.model.codec import INT_MAX, INT_MIN
from sensor.model.events import Event, Header, Timestamp

PARTS = tuple(name for name, default in Event._field_defaults.items() if default is None)
"""The parts of which most events have one or two."""


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as annotated: part, field or collection."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of(*(of(k) for k in inner))
    if origin is tuple:
        return st.lists(of(inner[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(of(inner[0]), of(inner[1]), max_size=3)
    if isinstance(kind, type) and hasattr(kind, "_fields"):
        return record(kind)
    return plain(kind)


def plain(kind: Any) -> st.SearchStrategy[Any]:
    """Values without parts."""
    if kind is Timestamp:
        return st.integers(0, INT_MAX)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    return {
        int: st.integers(INT_MIN, INT_MAX),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        str: st.text(max_size=12),
        type(None): st.none(),
    }[kind]


def record(kind: Any) -> st.SearchStrategy[Any]:
    """Named tuples with every field drawn, `schema` apart."""
    return _with(kind, [name for name in kind._fields if name != "schema"])


def event_with(part: str) -> st.SearchStrategy[Event]:
    """Events with that part in all its forms, and no other."""
    return _with(Event, [name for name in Event._fields if name == part or name not in (*PARTS, "schema")])


def _with(kind: Any, names: Iterable[str]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    fields = {name: of(hints[name]) for name in names}
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


events: st.SearchStrategy[Event] = st.sampled_from(PARTS).flatmap(event_with)
headers: st.SearchStrategy[Header] = record(Header)
