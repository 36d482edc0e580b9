"""How much output may wait is left to the default."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container


def _find(container: Container) -> Iterator[Flaw]:
    logging = container.logging
    if logging is not None and logging.mode == "non-blocking" and logging.buffer is None:
        yield Flaw("its log driver is non-blocking without max-buffer-size")


CHECK = Check(
    id="logging-without-buffer",
    title="How much output may wait is left to the default",
    severity=Severity.LOW,
    subject=Container,
    why="What does not fit into the buffer is lost without a trace; the default of 10 MB was 1 MB in older engines.",
    mend="Set the option max-buffer-size beside mode non-blocking.",
    references=(),
    reads=("logConfiguration",),
    find=_find,
)
