"""The time to stop in is short or left open."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container

SHORTEST = 10
"""Seconds."""


def _find(container: Container) -> Iterator[Flaw]:
    if container.stop_timeout is None:
        yield Flaw("no stopTimeout is set")
    elif container.stop_timeout < SHORTEST:
        yield Flaw(f"stopTimeout is {container.stop_timeout} s")


CHECK = Check(
    id="stop-timeout",
    title="The time to stop in is short or left open",
    severity=Severity.LOW,
    subject=Container,
    why="SIGKILL follows SIGTERM after this time, whatever is still being written. The default is 30 seconds.",
    mend="Set stopTimeout to what an orderly stop takes, 10 to 120 seconds.",
    references=(),
    reads=("stopTimeout",),
    find=_find,
)
