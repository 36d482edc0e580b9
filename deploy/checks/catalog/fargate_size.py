"""Fargate has no such task, or its containers do not fit."""

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
    else:
        yield from _too_much(task, cpu, memory)


def _too_much(task: Task, cpu: int, memory: int) -> Iterator[Flaw]:
    """What the containers are given has to fit into what the task has."""
    for one in task.containers:
        if (one.memory or 0) > memory:
            yield Flaw(f"container {one.name} may take {one.memory} MiB of the task's {memory}", one.path, one.name)
    promised = sum(one.reserved or one.memory or 0 for one in task.containers)
    if promised > memory:
        yield Flaw(f"its containers are promised {promised} MiB of the task's {memory}", key="sum")
    units = sum(one.cpu or 0 for one in task.containers)
    if units > cpu:
        yield Flaw(f"its containers are promised {units} CPU units of the task's {cpu}", key="cpu")


CHECK = Check(
    id="fargate-size",
    title="Fargate has no such task, or its containers do not fit",
    severity=Severity.HIGH,
    subject=Task,
    why="The definition cannot be registered or started.",
    mend="Take a pair of cpu and memory that Fargate has, and give its containers no more than it.",
    references=("cfn-lint E3047",),
    reads=("cpu", "memory", "requiresCompatibilities", "containerDefinitions"),
    find=_find,
)
