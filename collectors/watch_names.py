"""What the watched directories held when it was last known: what a look after a loss is compared with."""

from collections.abc import Iterable, Mapping

MOST_BYTES = 4 << 20
"""Of memory. A usual image has about 3,000 names in the directories of the list; a workload can make any number."""
A_NAME = 120
"""Bytes that a name takes besides its own."""

Names = dict[bytes, int | None]
"""Names, and the status change time (ns) that was last told of each; None where nothing was told of it."""


class KnownNames:
    """The names of each directory, by container and path. A directory that does not fit is not known at all."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._known: dict[str, dict[bytes, Names]] = {}

    def of(self, container: str, path: bytes) -> Names | None:
        """What is in the directory; None where that is not known."""
        return self._known.get(container, {}).get(path)

    def of_container(self, container: str) -> Mapping[bytes, Names]:
        """All directories of a container that are known."""
        return self._known.get(container, {})

    def has(self, container: str, path: bytes, name: bytes) -> bool | None:
        """Whether the directory holds the name, as the notices have it; None where that is not known."""
        names = self.of(container, path)
        return None if names is None else name in names

    def learn(self, container: str, path: bytes, names: Iterable[bytes]) -> None:
        """The directory was listed: these are its names, and what was told of them stays known."""
        before = self.of(container, path) or {}
        self.drop(container, path)
        now: Names = {name: before.get(name) for name in names}
        size = sum(map(_size, now))
        if self._bytes + size <= self._most:
            self._bytes += size
            self._known.setdefault(container, {})[path] = now

    def add(self, container: str, path: bytes, name: bytes) -> None:
        """Something has this name now."""
        names = self.of(container, path)
        if names is None or name in names:
            return
        if self._bytes + _size(name) > self._most:
            self.drop(container, path)
            return
        self._bytes += _size(name)
        names[name] = None

    def told(self, container: str, path: bytes, name: bytes, ctime_ns: int) -> None:
        """An event told of the file as it was at that status change time."""
        names = self.of(container, path)
        if names is not None and name in names:
            names[name] = ctime_ns

    def remove(self, container: str, path: bytes, name: bytes) -> None:
        """Nothing has this name any more."""
        names = self.of(container, path)
        if names is not None and name in names:
            del names[name]
            self._bytes -= _size(name)

    def drop(self, container: str, path: bytes) -> None:
        """The directory is not watched any more."""
        directories = self._known.get(container, {})
        names = directories.pop(path, None)
        if names is not None:
            self._bytes -= sum(map(_size, names))
            if not directories:
                del self._known[container]


def _size(name: bytes) -> int:
    return len(name) + A_NAME
