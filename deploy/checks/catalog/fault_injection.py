"""Fault injection is on."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    if task.fault_injection:
        yield Flaw("enableFaultInjection is on")


CHECK = Check(
    id="fault-injection",
    title="Fault injection is on",
    severity=Severity.HIGH,
    subject=Task,
    why="Whoever runs in the task can ask the agent to cut its network or delay it.",
    mend="Take enableFaultInjection out of what goes to production.",
    references=(),
    reads=("enableFaultInjection",),
    find=_find,
)
