"""Compares what the watched directories hold with what was known of them, and tells what differs.

After the kernel's queue was full nobody knows what was lost, but a file whose status change time lies after the moment
up to which all was read has been changed, and a name that is new or missing has come or gone. How often and in which
order is lost for good; so is what came and went again.
"""

from collections.abc import Iterator

from collectors.file_changes import Change, told
from collectors.watch_coverage import Coverage, Listed, Visited
from collectors.watch_names import Names
from collectors.watch_table import Place, WatchTable
from sensor.model.counters import Counters
from sensor.model.kinds import Kind

CLOCK_TICK_NS = 20_000_000
"""The kernel stamps files with a clock that may lie this much behind (CONFIG_HZ=100, and one tick more)."""

FORGOTTEN = "directory_not_remembered"
"""Reason of a loss: what came to a directory or went from it is not known, since what it held was too much to keep in
mind, or since it could not be watched until now."""


class Rescan:
    """One comparison of a container; all times are wall times in nanoseconds."""

    def __init__(
        self, *, container: str, table: WatchTable, coverage: Coverage, counters: Counters, since_ns: int, source: str
    ) -> None:
        self._container = container
        self._table = table
        self._coverage = coverage
        self._counters = counters
        self._since_ns = since_ns - CLOCK_TICK_NS
        self._source = source
        self._appeared: set[bytes] = set()

    def differences(self) -> Iterator[Change | None]:
        """What differs; None after each directory. After each of both other work may be done, and notices be told."""
        known = self._table.names.of_container(self._container)
        left = {path: (self._table.at(self._container, path), names) for path, names in known.items()}
        for visited in self._coverage.visits(self._container, facts=True):
            if visited.listed is not None:
                _, before = left.pop(visited.path, (None, None))
                names = self._table.names.of(self._container, visited.path)
                found = list(self._of(visited, visited.listed, before if names is None else names))
                yield from (change for change in found if not self._was_overtaken(change))
            yield None
        for path, (place, before) in left.items():
            if place is not None and not self._is_known(path) and self._coverage.is_gone(self._container, path):
                for name in before:
                    yield from self._told(Kind.FILE_DELETE, place, name)
            yield None

    def _was_overtaken(self, change: Change) -> bool:
        """Whether a notice has told the opposite since the directory was listed."""
        directory, _, name = change.path.rpartition(b"/")
        return self._table.names.has(self._container, directory, name) is (change.kind is Kind.FILE_DELETE)

    def _is_known(self, path: bytes) -> bool:
        """Whether it is watched, or known not to be."""
        at, is_refused = self._table.at, self._table.is_refused
        return at(self._container, path) is not None or is_refused(self._container, path)

    def _of(self, visited: Visited, listed: list[Listed], known: Names | None) -> Iterator[Change]:
        """Of one directory. `known` is None for one that was not watched until now."""
        now = [one for one in listed if any(spot.has(one.name) for spot in visited.spots)]
        if visited.cut:  # which names were left out may differ from time to time
            known = None
            self._table.names.drop(self._container, visited.path)
        if known is not None:
            before = set(known)
            yield from self._arrived(visited, [one for one in now if one.name not in before])
            yield from self._gone(visited, before.difference(one.name for one in now))
        elif visited.path in self._appeared:
            yield from self._arrived(visited, now)
        elif any(spot.entries for spot in visited.spots):
            self._counters.lost(FORGOTTEN)
        changed = [one for one in now if known is not None and one.name in known and self._differs(one, known)]
        if not visited.cut:
            self._table.names.learn(self._container, visited.path, (one.name for one in now))
        for one in changed:
            yield from self._told_in(visited, Kind.FILE_MODIFY, one.name)

    def _arrived(self, visited: Visited, news: list[Listed]) -> Iterator[Change]:
        for one in news:
            if one.is_directory:
                self._appeared.add(visited.path + b"/" + one.name)
            yield from self._told_in(visited, Kind.FILE_CREATE, one.name)

    def _gone(self, visited: Visited, names: set[bytes]) -> Iterator[Change]:
        for name in sorted(names):
            yield from self._told_in(visited, Kind.FILE_DELETE, name)

    def _differs(self, one: Listed, known: Names) -> bool:
        return one.ctime_ns is not None and one.ctime_ns >= self._since_ns and one.ctime_ns != known.get(one.name)

    def _told_in(self, visited: Visited, kind: Kind, name: bytes) -> Iterator[Change]:
        place = self._table.at(self._container, visited.path)
        if place is not None:
            yield from self._told(kind, place, name)

    def _told(self, kind: Kind, place: Place, name: bytes) -> Iterator[Change]:
        return (change._replace(source=self._source) for change in told(kind, (place,), name))
