"""The sizes that Fargate has as text, the next larger one, and what they cost.

Prices: https://aws.amazon.com/fargate/pricing/.
"""

import re
from typing import NamedTuple

from deploy.fargate import GIB, MEMORY_MIB

PRICES_OF = "us-east-1, on demand, Linux, as published in March 2026"
PRICES = {"X86_64": (0.04048, 0.004445), "ARM64": (0.03238, 0.00356)}
"""US dollars an hour for a vCPU and for a GB."""
HOURS_A_MONTH = 730

_CPU = re.compile(r"(\d*\.?\d+)\s*(vcpu)?", re.IGNORECASE)
_MEMORY = re.compile(r"(\d*\.?\d+)\s*(gb|mb|mib|gib)?", re.IGNORECASE)


class Size(NamedTuple):
    """CPU units and MiB."""

    cpu: int
    memory: int

    def __str__(self) -> str:
        return f"{self.cpu / 1024:g} vCPU and {self.memory} MiB"


def parse_cpu(text: str | None) -> int | None:
    """`256`, `.25 vCPU`, `1vcpu`, in units."""
    found = _CPU.fullmatch((text or "").strip())
    return None if found is None else round(float(found[1]) * (1024 if found[2] else 1))


def parse_memory(text: str | None) -> int | None:
    """`512`, `0.5 GB`, `2GB`, in MiB."""
    found = _MEMORY.fullmatch((text or "").strip())
    if found is None:
        return None
    return round(float(found[1]) * (GIB if (found[2] or "").lower().startswith("g") else 1))


def is_valid(size: Size) -> bool:
    """Whether Fargate has this size."""
    return size.memory in MEMORY_MIB.get(size.cpu, ())


def next_above(size: Size, needed: int) -> Size | None:
    """The next larger one that Fargate has and that holds the MiB that are needed: more memory, and more CPU only where
    this much takes no more memory."""
    for cpu in sorted(one for one in MEMORY_MIB if one >= size.cpu):
        for memory in MEMORY_MIB[cpu]:
            if memory > size.memory and memory >= needed:
                return Size(cpu, memory)
    return None


def monthly(size: Size, architecture: str) -> float:
    """US dollars for a task that runs all month (`PRICES_OF`)."""
    cpu, memory = PRICES.get(architecture, PRICES["X86_64"])
    return HOURS_A_MONTH * (size.cpu / 1024 * cpu + size.memory / GIB * memory)
