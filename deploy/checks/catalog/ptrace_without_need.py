"""SYS_PTRACE is added to what is no sensor."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Container
from deploy.checks.sensor_shape import is_agent


def _find(container: Container) -> Iterator[Flaw]:
    if not is_agent(container) and any(name.removeprefix("CAP_") == "SYS_PTRACE" for name in container.added):
        yield Flaw("it adds SYS_PTRACE, and its image is that of no sensor")


CHECK = Check(
    id="ptrace-without-need",
    title="SYS_PTRACE is added to what is no sensor",
    severity=Severity.HIGH,
    subject=Container,
    why="With a shared PID namespace it reads and changes the memory of every other container, secrets included.",
    mend="Take SYS_PTRACE out; only a sensor or a debugger needs it.",
    references=(),
    reads=("linuxParameters", "image"),
    find=_find,
)
