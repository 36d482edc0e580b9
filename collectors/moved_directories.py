"""What was watched in a directory that was moved: what was told of by its old path is no news by the new one.

A file counts as told where the directory that it was in was watched, an entry wanted its creation told there, and the
notices had its name before the move: it may have come after it, or where only programs are told, or one level too deep.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from collectors.watch_table import Place, WatchTable
from sensor.model.kinds import Kind

KEPT = 8
"""Directories on their way at once, since what they hold may be 4 MiB of names. The kernel queues both halves of a
rename at once; what lost its place here is told as new."""


class _Held(NamedTuple):
    """A watched directory. `names` are those that it had when it was moved, None where they are not remembered: all of
    them count as told then."""

    place: Place
    names: Set[bytes] | None


Contents = Mapping[tuple[str, bytes], _Held]
"""By container and path."""


class MovedDirectories:
    """Between the two halves of renames, by their cookies."""

    def __init__(self, table: WatchTable) -> None:
        self._table = table
        self._left: OrderedDict[int, tuple[Contents, ...]] = OrderedDict()

    def contents(self, places: Sequence[Place], name: bytes) -> Contents:
        """What is watched in what has this name in the directories, itself included."""
        found: dict[tuple[str, bytes], _Held] = {}
        for container, top in {(place.container, place.path + b"/" + name) for place in places}:
            for place in self._table.at_or_below(container, top):
                names = self._table.names.of(container, place.path)
                found[container, place.path] = _Held(place, None if names is None else names.keys())
        return found

    def left(self, cookie: int, *contents: Contents) -> None:
        """The first half was read. More than one where nobody knows which of them was moved."""
        self._left[cookie] = contents
        if len(self._left) > KEPT:
            self._left.popitem(last=False)

    def arrived(self, cookie: int) -> tuple[Contents, ...]:
        """The second half was read: what was watched; nothing where it came from where nobody watches."""
        return self._left.pop(cookie, ())

    def stayed_away(self, cookie: int) -> None:
        """The second half is not waited for any more."""
        self._left.pop(cookie, None)


def was_told(held: Sequence[Contents], container: str, path: bytes, *, programs: bool) -> bool:
    """Whether the creation of a file was told, as far as it is to be: with `programs` only if it can run."""
    directory, _, name = path.rpartition(b"/")
    return any(_told_in(contents.get((container, directory)), name, programs=programs) for contents in held)


def _told_in(held: _Held | None, name: bytes, *, programs: bool) -> bool:
    if held is None or (held.names is not None and name not in held.names):
        return False
    only_programs = held.place.wanted(Kind.FILE_CREATE, name)
    return only_programs is not None and (programs or not only_programs)
