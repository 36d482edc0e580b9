"""The watch list as a tree of directories, so that each directory on the way to an entry is known as well.

What is on the way is watched only for what comes and goes there: that is how an entry is noticed that appears late, or
is replaced by moving one of its parents away.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from collectors.inotify_stream import ATTRIB, CLOSE_WRITE, CREATE, DELETE, MODIFY, MOVE_SELF, MOVED_FROM, MOVED_TO, OPEN
from collectors.watch_list import Entry
from sensor.model.kinds import Kind

BELOW = 1000
"""Added to the rank for each level below an entry: first the entries' own directories are watched, then those."""

WILD = frozenset(b"*?[")
"""What makes a name a pattern."""

INODE = MODIFY | CLOSE_WRITE | ATTRIB
"""What is asked for of a file by whatever name."""

WAY = CREATE | DELETE | MOVED_FROM | MOVED_TO | MOVE_SELF
"""What is asked for on the way to an entry."""


class Ranked(NamedTuple):
    """An entry that speaks for a directory."""

    rank: int
    entry: Entry


class Spot:
    """One directory of the plan: what is wanted in it, and what lies below. The lowest rank matters most.

    `starred` spots stand for the directories that match a pattern; only the others are reached through symbolic links.
    """

    __slots__ = ("entries", "named", "patterns", "rank", "starred")

    def __init__(self, rank: int, *, starred: bool = False) -> None:
        self.rank = rank
        self.starred = starred
        self.entries: list[Ranked] = []
        self.named: dict[bytes, Spot] = {}
        self.patterns: dict[bytes, Spot] = {}

    def child(self, name: bytes, rank: int) -> "Spot":
        """The spot below, made where there is none; the name may be a pattern."""
        if WILD.intersection(name):
            found = self.patterns.setdefault(name, Spot(rank, starred=True))
        else:
            found = self.named.setdefault(name, Spot(rank))
        found.rank = min(found.rank, rank)
        return found

    def below(self, name: bytes, *, is_directory: bool) -> Iterator["Spot"]:
        """The spots of what has this name below; a symbolic link to a directory is none itself."""
        if (found := self.named.get(name)) is not None:
            yield found
        if is_directory:
            yield from (spot for pattern, spot in self.patterns.items() if fnmatchcase(name, pattern))

    def is_secret(self, name: bytes) -> bool:
        """Whether it is told that the file of this name was opened."""
        return any(entry.is_secret(name) for _, entry in self.entries)

    def has(self, name: bytes) -> bool:
        """Whether an entry cares for the file of this name."""
        return any(entry.has(name) for _, entry in self.entries)


def plan(entries: Iterable[Entry]) -> Spot:
    """The root of the tree; the order of the entries is their rank."""
    root = Spot(0)
    for rank, entry in enumerate(entries):
        spot = root
        for name in filter(None, entry.path.split(b"/")):
            spot = spot.child(name, rank)
        spot.entries.append(Ranked(rank, entry))
        for level in range(1, entry.depth + 1):
            spot = spot.child(b"*", rank + level * BELOW)
            spot.entries.append(Ranked(rank + level * BELOW, entry))
    return root


def mask_of(spots: Iterable[Spot]) -> int:
    """What the kernel is asked to tell of a directory."""
    mask = WAY
    for spot in spots:
        for _, entry in spot.entries:
            mask |= CLOSE_WRITE
            if not entry.programs:
                mask |= MODIFY
            if Kind.FILE_ATTRIBUTES in entry.kinds:
                mask |= ATTRIB
    return mask


def mask_of_file(spots: Iterable[Spot], name: bytes) -> int:
    """What the kernel is asked to tell of the file itself that has this name; 0 where its directory's watch will do."""
    mask = 0
    for spot in spots:
        for _, entry in spot.entries:
            mask |= (OPEN if entry.is_secret(name) else 0) | (INODE if entry.is_by_inode(name) else 0)
    return mask
