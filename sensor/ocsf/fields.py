"""Moving fields from the JSON form of an event to their places in OCSF, by tables that documents can print too."""

from collections.abc import Callable, Iterable
from typing import Any

Plain = dict[str, Any]
Convert = Callable[[Any], Any]
"""The value as OCSF has it; None where it has no such form, and the field stays where it is."""

Path = tuple[str, ...]


def as_it_is(value: Any) -> Any:
    """No conversion."""
    return value


class Field:
    """One field of ours, by its dotted path in the JSON form, and its dotted path in OCSF.

    `within` names an object in OCSF that has to be there already: some fields say nothing without it. Paths are taken
    apart once: an event goes through 50 of these.
    """

    __slots__ = ("convert", "name", "native", "parents", "source", "target", "within")

    def __init__(self, native: str, target: str, convert: Convert = as_it_is, within: str | None = None) -> None:
        self.native = native
        self.target = target
        self.convert = convert
        self.source: Path = tuple(native.split("."))
        *parents, self.name = target.split(".")
        self.parents: Path = tuple(parents)
        self.within: Path = tuple(within.split(".")) if within else ()


def move(fields: Iterable[Field], native: Plain, ocsf: Plain) -> None:
    """Take out of `native` what finds its place in `ocsf`; the rest stays.

    A place that is taken is not overwritten; a field may have several places.
    """
    moved = []
    for field in fields:
        value = at(native, field.source)
        if value is None or (field.within and at(ocsf, field.within) is None):
            continue
        converted = field.convert(value)
        if converted is None:
            continue
        into = ocsf
        for parent in field.parents:
            into = into.setdefault(parent, {})
        if into.setdefault(field.name, converted) == converted:
            moved.append(field.source)
    for path in moved:
        discard(native, path)


def found(plain: Plain, path: str) -> Any:
    """What stands at a dotted path, None where nothing does."""
    return at(plain, tuple(path.split(".")))


def at(plain: Plain, path: Path) -> Any:
    """What stands at a path, None where nothing does."""
    value: Any = plain
    for name in path:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def discard(plain: Plain, path: Path) -> None:
    """Remove what stands at a path, and the object around it that is empty then."""
    if len(path) == 1:
        plain.pop(path[0], None)
    elif path[0] in plain:
        discard(plain[path[0]], path[1:])
        if not plain[path[0]]:
            del plain[path[0]]
