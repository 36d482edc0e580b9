"""What is known of the executable of a process, and how it becomes part of what is told of the process."""

from typing import NamedTuple

from collectors.process_table import Tracked
from sensor.model.events import Missing, Timestamp


class Facts(NamedTuple):
    """What is known of an executable. `why_no_hash` says why `sha256` is None: one of the reasons in
    `executables` and `hash_worker`, or the error's text."""

    sha256: str | None = None
    born_ns: Timestamp | None = None
    why_no_hash: str | None = None


def drift(born: Timestamp | None, container_started: Timestamp | None) -> bool | None:
    """Whether the executable came after its container started; None where one of the two is not known.

    The comparison is exact, with no allowance: the start is that of the container's first process, rounded down to
    10 ms, and that is the runtime's, which still has to set up the container before any program of it can write a file.
    A file of the image that was changed since, if only its mode, counts as new: an overlay makes a copy of it. What an
    earlier run of the same container left counts as old. A wall clock that was set in between spoils the answer.
    """
    if born is None or container_started is None:
        return None
    return born > container_started


def lacking(missing: tuple[Missing, ...], facts: Facts, container_started: Timestamp | None) -> tuple[Missing, ...]:
    """What misses of a program once these facts are known of its executable. `container_started` is None outside
    containers, where nothing can be said of drift and so nothing is missing."""
    why = facts.why_no_hash or "unsupported"
    found = [m for m in missing if m.field not in ("process.sha256", "process.drift")]
    if facts.sha256 is None:
        found.append(Missing("process.sha256", why))
    if container_started is not None and facts.born_ns is None:
        found.append(Missing("process.drift", why))
    return tuple(found)


def complete(process: Tracked, facts: Facts, container_started: Timestamp | None) -> None:
    """Add the facts to the process they were wanted for, and to its `missing` what they lack.

    To be called only while it runs the program that it ran then.
    """
    process.sha256 = facts.sha256
    process.drift = drift(facts.born_ns, container_started)
    process.missing = lacking(process.missing, facts, container_started)
