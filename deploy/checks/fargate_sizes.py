"""Whether Fargate has a task of a size, as people write it."""

import re

from deploy.fargate import MEMORY_MIB

_VCPU = re.compile(r"(\d{0,4}(?:\.\d{1,4})?)\s*vcpu", re.IGNORECASE)
_GIGABYTES = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)\s*gb", re.IGNORECASE)


def cpu_units(text: str | None) -> int | None:
    """`1024` or `1 vCPU` in units; None for what is neither."""
    return _amount(text, _VCPU)


def memory_mib(text: str | None) -> int | None:
    """`2048` or `2 GB` in MiB; None for what is neither."""
    return _amount(text, _GIGABYTES)


def is_size(cpu: int, memory: int) -> bool:
    """Whether there is such a task; of a CPU beyond the table nothing is known, so it counts as one."""
    return cpu > max(MEMORY_MIB) or memory in MEMORY_MIB.get(cpu, ())


def _amount(text: str | None, unit: re.Pattern[str]) -> int | None:
    text = (text or "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    found = unit.fullmatch(text)
    return int(float(found[1]) * 1024) if found and found[1] else None
