"""The sizes of tasks that Fargate has for Linux: "Task CPU and memory" in the developer guide of ECS."""

import re

_GB = 1024
SIZES: dict[int, tuple[int, ...] | range] = {
    256: (512, _GB, 2 * _GB),
    512: range(_GB, 4 * _GB + 1, _GB),
    1024: range(2 * _GB, 8 * _GB + 1, _GB),
    2048: range(4 * _GB, 16 * _GB + 1, _GB),
    4096: range(8 * _GB, 30 * _GB + 1, _GB),
    8192: range(16 * _GB, 60 * _GB + 1, 4 * _GB),
    16384: range(32 * _GB, 120 * _GB + 1, 8 * _GB),
}
"""CPU units and the MiB of memory that go with them."""

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
    return cpu > max(SIZES) or memory in SIZES.get(cpu, ())


def _amount(text: str | None, unit: re.Pattern[str]) -> int | None:
    text = (text or "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    found = unit.fullmatch(text)
    return int(float(found[1]) * 1024) if found and found[1] else None
