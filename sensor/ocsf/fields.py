"""Moving fields from the JSON form of an event to their places in OCSF, by tables that documents can print too."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

Plain = dict[str, Any]
Convert = Callable[[Any], Any]
"""The value as OCSF has it; None where it has no such form, and the field stays where it is."""


def as_it_is(value: Any) -> Any:
    """No conversion."""
    return value


class Field(NamedTuple):
    """One field of ours, by its path in the JSON form, and its path in OCSF.

    `within` names an object in OCSF that has to be there already: some fields say nothing without it.
    """

    native: str
    target: str
    convert: Convert = as_it_is
    within: str | None = None


def move(fields: Iterable[Field], native: Plain, ocsf: Plain) -> None:
    """Take out of `native` what finds its place in `ocsf`; the rest stays.

    A place that is taken is not overwritten; a field may have several places.
    """
    moved = []
    for field in fields:
        value = found(native, field.native)
        if value is not None and _moves(field, value, ocsf):
            moved.append(field.native)
    for path in moved:
        discard(native, path)


def found(plain: Plain, path: str) -> Any:
    """What stands at a dotted path, None where nothing does."""
    value: Any = plain
    for name in _names(path):
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def place(plain: Plain, path: str, value: Any) -> None:
    """Put a value at a dotted path, with the objects around it."""
    *parents, name = _names(path)
    for parent in parents:
        plain = plain.setdefault(parent, {})
    plain[name] = value


def discard(plain: Plain, path: str) -> None:
    """Remove what stands at a dotted path, and the object around it that is empty then."""
    part, *rest = _names(path)
    if not rest:
        plain.pop(part, None)
    elif part in plain:
        discard(plain[part], ".".join(rest))
        if not plain[part]:
            del plain[part]


@cache
def _names(path: str) -> tuple[str, ...]:
    """The paths are those of the tables: there are no others."""
    return tuple(path.split("."))


def _moves(field: Field, value: Any, ocsf: Plain) -> bool:
    if field.within is not None and found(ocsf, field.within) is None:
        return False
    converted = field.convert(value)
    if converted is None:
        return False
    there = found(ocsf, field.target)
    if there is None:
        place(ocsf, field.target, converted)
        return True
    return bool(there == converted)
