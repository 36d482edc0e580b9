"""JSON Patch (RFC 6902), as much of it as injection writes: `add` to an object, or to a list by index or at its end."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Add(NamedTuple):
    """One operation. `path` holds the keys and indices; `-` as the last is the end of a list."""

    path: tuple[str | int, ...]
    value: Any

    @property
    def pointer(self) -> str:
        """The path as RFC 6901 writes it."""
        return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in self.path)

    def document(self) -> dict[str, Any]:
        """As RFC 6902 writes it."""
        return {"op": "add", "path": self.pointer, "value": self.value}


def apply(document: Any, patch: Iterable[Add]) -> None:
    """Change `document` in place. The operations are those that `inject` made for this very document."""
    for path, value in patch:
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        last = path[-1]
        if isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else int(last), value)
        else:
            parent[last] = value
