"""What a check is, and what it finds."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from deploy.checks.marks import Path


class Severity(IntEnum):
    """How bad it is; ordered, so that levels can be compared."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Flaw(NamedTuple):
    """One thing that a check found wrong. `text` never holds a value that may be secret; `path` where it is not the
    subject's own, `key` tells flaws of one subject from each other.
    """

    text: str
    path: Path | None = None
    key: str = ""


class Undecided:
    """Stands for a flaw that only the deployment can tell."""


UNDECIDED = Undecided()


class Check(NamedTuple):
    """One check. `subject` is the type of the model that it is asked about.

    `reads` are the fields, in the ECS API's spelling, without which it cannot judge.
    """

    id: str
    title: str
    severity: Severity
    subject: type
    why: str
    mend: str
    references: tuple[str, ...]
    reads: tuple[str, ...]
    find: Callable[[Any], Iterator[Flaw | Undecided]]


class Finding(NamedTuple):
    """A flaw of one subject in one file."""

    check: Check
    file: str
    line: int
    subject: str
    flaw: Flaw
