"""The task's size: kept, unless all of its memory is promised to containers and the user allows the next size."""

import re
from typing import Any

from deploy.ecs.definition import Definition
from deploy.ecs.fields import Fields, text
from deploy.ecs.sizes import PRICES_OF, Size, is_valid, monthly, next_above, parse_cpu, parse_memory
from deploy.sidecar.specification import MEMORY_MIB
from deploy.told import Told, note, warning


def resize(definition: Definition, *, allowed: bool) -> tuple[dict[str, Any], list[Told]]:
    """Take the step that is needed, if it is allowed. The task's fields as they were before, and what is to be told."""
    task = definition.task
    size = _size(task) if task is not None else None
    if task is None or size is None:
        return {}, []
    free = size.memory - sum(map(_promised, definition.apps))
    if free >= MEMORY_MIB:
        return {}, []
    larger = next_above(size, size.memory - free + MEMORY_MIB)
    if larger is None:
        return {}, [warning(f"containers have {size.memory - free} of {size.memory} MiB, and there is no larger size")]
    step = f"{larger} instead of {size}: {_dearer(size, larger, task)}"
    if not allowed:
        what = f"the sensor takes up to {MEMORY_MIB} MiB, and containers may have {size.memory - free} of {size.memory}"
        return {}, [warning(f"{what}; the size is kept, --allow-resize makes it {step}")]
    was = {}
    for name, old, new in (("cpu", size.cpu, larger.cpu), ("memory", size.memory, larger.memory)):
        if old != new:
            value = task.get(name)
            was[name] = str(value) if isinstance(value, str) else int(value)
            task.put(name, str(new) if isinstance(value, str) else new)
    return was, [note(f"the task is {step}")]


def size_of(task: Fields) -> dict[str, int | None]:
    """CPU units and MiB by the names of their fields; None for what is no size, such as what a template computes."""
    return {"cpu": parse_cpu(text(task.get("cpu"))), "memory": parse_memory(text(task.get("memory")))}


def _size(task: Fields) -> Size | None:
    cpu, memory = size_of(task).values()
    size = Size(cpu, memory) if cpu is not None and memory is not None else None
    return size if size is not None and is_valid(size) else None


def _promised(container: Fields) -> int:
    """MiB that are the container's: what is reserved for it, else the most that it may take."""
    for name in ("memoryReservation", "memory"):
        found = text(container.get(name))
        if found is not None and re.fullmatch(r"\d{1,9}", found):
            return int(found)
    return 0


def _dearer(size: Size, larger: Size, task: Fields) -> str:
    architecture = text(task.get("runtimePlatform", "cpuArchitecture")) or "X86_64"
    more = monthly(larger, architecture) - monthly(size, architecture)
    return f"${more:.2f} more a month for each task that runs all the time ({PRICES_OF})"
