"""Where in a file each value stands."""

from collections.abc import Iterable
from typing import NamedTuple

Path = tuple[str | int, ...]
"""The keys and indices that lead from the root of a document to a value."""


class Mark(NamedTuple):
    """The line (from 1) that a value begins on, or its key where it has one, and the marks of what is in it."""

    line: int
    inner: "dict[str | int, Mark]"


def line_at(mark: Mark, path: Iterable[str | int]) -> int:
    """The line of the value at `path`, or of the nearest thing around it that is in the file."""
    for step in path:
        inner = mark.inner.get(step)
        if inner is None:
            break
        mark = inner
    return mark.line
