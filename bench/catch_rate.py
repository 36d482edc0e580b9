"""How many short processes of a container are seen: the sensor beside psutil, and pspy and strace when on PATH.

All but strace watch the same processes, each from a container of its own in the task. strace has a pass of its own,
because a traced process lives longer. On ECS terms (SYS_PTRACE) and on EKS terms (without it, the app as uid 1000).
Nothing is asserted. Writes docs/catch-rate.svg and .png. Run by `make bench`.
"""

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import catch_rate_chart
from docker_cli import Container
from fargate_task import FargateTask
from ingest_container import Event
from lab import Lab, temporary_lab
from lifetimes import LIFETIMES, SECONDS_APART, Lifetime, finish, spawner
from machine import describe
from peers import Args, Strace, beside
from tables import table
from terms import TERMS, Terms

TOLD = "sensor, program named"
WHOLE = "sensor, with all arguments"


class Row(NamedTuple):
    """One lifetime: how many there were, their median seconds, how many each tool saw, and the sensor's evidence."""

    lifetime: Lifetime
    seconds: float
    seen: dict[str, int]
    sources: Counter[str]


def told(lab: Lab, app: Container, lifetime: Lifetime) -> list[Event]:
    """The execs of the lifetime's program in the app's container, by path or by the kernel's name."""
    execs = (e for e in lab.ingest.events(kind="process.exec") if e["container"]["id"] == app.id)
    return [e for e in execs if (e["process"].get("exe") or e["process"].get("comm", "")).endswith(lifetime.program)]


def counted(programs: list[list[str]], seen: set[Args]) -> int:
    """How many of the programs were seen with all their arguments."""
    return sum(tuple(program) in seen for program in programs)


def run(lab: Lab, terms: Terms) -> list[Row]:
    """All lifetimes under the same terms, seen by all that watch beside each other."""
    task = lab.task({"SENSOR_FOLD": "off"}, ptrace=terms.ptrace)
    task.wait_healthy()
    watchers = beside(lab, task)
    rows = [row(lab, task, terms, number) for number in range(len(LIFETIMES))]
    for watcher in watchers:
        seen = watcher.seen()
        for number, (lifetime, *_, found, _) in enumerate(rows):
            found[watcher.name] = counted(lifetime.programs(number), seen)
    if Strace.why_not() is None:
        for number, (lifetime, *_, found, _) in enumerate(rows):
            found[Strace.name] = counted(lifetime.programs(number), traced(lab, task, terms, lifetime.commands(number)))
    task.sensor.remove()
    return rows


def row(lab: Lab, task: FargateTask, terms: Terms, number: int) -> Row:
    """One lifetime, as the sensor tells it."""
    lifetime = LIFETIMES[number]
    app = spawner(lab, task, terms.user, lifetime.commands(number))
    seconds = finish(lab, app)
    events = told(lab, app, lifetime)
    whole = counted(lifetime.programs(number), {tuple(event["process"].get("args", ())) for event in events})
    sources = Counter(event["evidence"]["source"] for event in events)
    return Row(lifetime, seconds, {TOLD: len(events), WHOLE: whole}, sources)


def traced(lab: Lab, task: FargateTask, terms: Terms, commands: list[list[str]]) -> set[Args]:
    """What strace saw of the commands."""
    with TemporaryDirectory() as folder:
        app = spawner(lab, task, terms.user, commands, waits=True)
        strace = Strace(app, Path(folder) / "execs")
        finish(lab, app)
        return strace.seen()


def show(terms: Terms, rows: list[Row]) -> None:
    """One table in text."""
    tools = list(rows[0].seen)
    lines = []
    for lifetime, seconds, seen, sources in rows:
        shares = [f"{seen[tool]} ({100 * seen[tool] / lifetime.times:.1f} %)" for tool in tools]
        by = ", ".join(f"{source} {n}" for source, n in sorted(sources.items()))
        lines.append((lifetime.name, str(lifetime.times), f"{seconds * 1000:.1f} ms", *shares, by))
    print(f"\n{terms.name}\n")
    print(table(("program", "count", "spawn to wait", *tools, "the sensor's evidence"), lines))


def point(row: Row) -> catch_rate_chart.Point:
    """The row in the chart."""
    return row.seconds, {tool: number / row.lifetime.times for tool, number in row.seen.items()}


def main() -> int:
    """Run all lifetimes on both terms, print the tables and draw the chart."""
    panels = {}
    with temporary_lab() as lab:
        print(describe(lab.images.sensor))
        print(f"short processes, {SECONDS_APART * 1000:g} ms apart")
        for terms in TERMS:
            rows = run(lab, terms)
            show(terms, rows)
            panels[terms.name] = [point(row) for row in rows if not row.lifetime.by]
    if (reason := Strace.why_not()) is not None:
        print(f"\nwithout strace: {reason}")
    if not any("pspy" in seen for rows in panels.values() for _, seen in rows):
        print("\nwithout pspy: it is not on PATH")
    catch_rate_chart.draw(panels, Path(__file__).parents[1] / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
