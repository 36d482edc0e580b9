"""Fargate has no task of this size."""

from collections.abc import Iterator

from deploy.checks.check import Check, Flaw, Severity
from deploy.checks.fargate_sizes import cpu_units, is_size, memory_mib
from deploy.checks.model import Task


def _find(task: Task) -> Iterator[Flaw]:
    if task.pod or not task.fargate or task.windows:
        return
    cpu, memory = cpu_units(task.cpu), memory_mib(task.memory)
    if cpu is None or memory is None:
        yield Flaw("Fargate needs cpu and memory, in units and MiB or as 1 vCPU and 2 GB")
    elif not is_size(cpu, memory):
        yield Flaw(f"Fargate has no task of cpu {cpu} with memory {memory}")


CHECK = Check(
    id="fargate-size",
    title="Fargate has no task of this size",
    severity=Severity.HIGH,
    subject=Task,
    why="The definition cannot be registered or started.",
    mend="Take a pair of cpu and memory that Fargate has.",
    references=(),
    reads=("cpu", "memory", "requiresCompatibilities"),
    find=_find,
)
