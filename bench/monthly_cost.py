"""What the sensor adds to a task's bill in a month, by what the benchmarks printed and list prices."""

import re
from collections.abc import Mapping

from sensor.config.settings import Settings, variable

HOURS = 730
DAYS = HOURS / 24

VCPU_HOUR, GB_HOUR = 0.04048, 0.004445
"""Dollars for Fargate on Linux and x86-64 in us-east-1 (aws.amazon.com/fargate/pricing)."""
NAT_GB, ACROSS_ZONES_GB = 0.045, 0.02
"""Dollars a GB: through a NAT gateway, and to another zone, out and in (aws.amazon.com/vpc/pricing, ec2/pricing)."""
STORED_GB_MONTH = 0.08
"""Dollars for a GB of gp3 in a month (aws.amazon.com/ebs/pricing)."""
STORED_BYTES = 60
"""What an event is counted with where it is kept."""


def monthly_cost(outputs: Mapping[str, str]) -> str:
    """A paragraph and a table; what was not measured is named instead."""
    cpu = _figure(outputs.get("load", ""), r"(?m)^50 +([\d.]+) %$")
    memory = _figure(outputs.get("footprint", ""), r"PSS, all processes\) +([\d.]+) MB")
    day = re.search(r"^as usual +([\d.]+) +(\d+)", outputs.get("delivery", ""), re.MULTILINE)
    if cpu is None or memory is None or day is None:
        return "Not known: `load`, `footprint` and the part `day` of `delivery` have to run for it."
    gb, events = float(day[1]) * DAYS / 1000, int(day[2]) * DAYS
    budget = Settings().daily_mb * DAYS / 1000
    rows = (
        ("processor", f"{cpu:g} % of a vCPU", VCPU_HOUR * HOURS * cpu / 100),
        ("memory", f"{memory:g} MB", GB_HOUR * HOURS * memory / 1000),
        ("sent, across zones", f"{gb:.2f} GB", ACROSS_ZONES_GB * gb),
        ("or sent, through a NAT gateway", f"{gb:.2f} GB", NAT_GB * gb),
        (f"or sent in all, as {variable('daily_mb')} bounds it", f"{min(gb, budget):.2f} GB", NAT_GB * min(gb, budget)),
        (
            "kept for a month",
            f"{events:,.0f} events of {STORED_BYTES} bytes",
            STORED_GB_MONTH * events * STORED_BYTES / 1e9,
        ),
    )
    lines = (f"| {what} | {much} | ${dollars:.3f} |" for what, much, dollars in rows)
    return (
        f"A task that runs all month ({HOURS} hours) beside three ordinary services, at list prices of us-east-1: "
        f"${VCPU_HOUR} a vCPU-hour, ${GB_HOUR} a GB-hour, ${ACROSS_ZONES_GB} a GB to another zone (out and in), "
        f"${NAT_GB} a GB through a NAT gateway, ${STORED_GB_MONTH} a GB-month of gp3. Fargate sells tasks in sizes: "
        "where the sensor fits into the one that is paid for anyway, processor and memory cost nothing more; where it "
        "makes the next size needed, that costs far more than this table says.\n\n"
        "| | a month | list price |\n|---|---|---|\n" + "\n".join(lines)
    )


def _figure(text: str, pattern: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found else None
