"""Runs every benchmark and writes docs/benchmarks.md: the bars, plots, what a task costs a month, and each output.

What each printed is kept in bench/results, so that one of them can be run again by itself: `python bench/page.py
footprint`. With `--write` nothing is run. Run by `make bench`.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import benchmark_charts
from bars import Result, results
from monthly_cost import monthly_cost

BENCH = Path(__file__).parent
RESULTS = BENCH / "results"
DOCS = BENCH.parent / "docs"

MEASURED = {
    "catch_rate": "Short processes: what is seen of them",
    "load": "Processes: precision, a shell loop, a storm, quiet",
    "trace": "Tracing: arguments of all, and what it costs",
    "network": "Connections and names",
    "files": "Files",
    "detect": "Detection: 200 rules",
    "ordinary_life": "Detection: ordinary life",
    "checks": "Checks of 1,000 files",
    "footprint": "Memory, CPU, start, size",
    "delivery": "Delivery",
    "webhook": "The webhook",
}
"""The benchmarks in the order of the page."""

SHORTER = frozenset({"load", "network", "files", "footprint", "delivery", "webhook"})
"""Those that take `--seconds`."""


def run(name: str, seconds: float | None) -> None:
    """Run one; what it prints is shown as it comes, and kept with the date and how long it took."""
    options = [f"--seconds={seconds:g}"] if seconds is not None and name in SHORTER else []
    begin, date = time.monotonic(), datetime.now(UTC)
    print(f"\n=== {name}", flush=True)
    command = [sys.executable, str(BENCH / f"{name}.py"), *options]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    took = time.monotonic() - begin
    end = f"exit {process.returncode}, " if process.returncode else ""
    head = f"{date:%Y-%m-%d %H:%M} UTC, {end}{took:.0f} s{', ' + options[0] if options else ''}\n"
    (RESULTS / f"{name}.txt").write_text(head + "".join(lines))


def kept() -> dict[str, str]:
    """What each benchmark printed when it ran last, behind the line of its date."""
    return {name: (RESULTS / f"{name}.txt").read_text() for name in MEASURED if (RESULTS / f"{name}.txt").exists()}


def page(outputs: Mapping[str, str]) -> Iterator[str]:
    """The page's paragraphs."""
    yield "# Benchmarks"
    yield (
        "Written by `make bench`, which runs all of it in containers on this one machine: every figure is of one run, "
        "at the date above its output. A machine that is shared with others varies by a tenth to a fifth. Run it on "
        "yours."
    )
    yield "## The bars"
    yield "Those first that are missed, then those of which the most is used. `make bench` asserts none of them."
    yield "\n".join(_bars(results(outputs)))
    yield "## Plots"
    yield from (f"![{title}]({name})" for name, title in benchmark_charts.draw(outputs, DOCS))
    yield "## What a task costs a month"
    yield monthly_cost(outputs)
    for name, title in MEASURED.items():
        yield f"## {title}"
        head, _, text = outputs.get(name, "").partition("\n")
        yield f"`bench/{name}.py`, {head}" if head else f"`bench/{name}.py` has not been run."
        if text:
            yield f"```text\n{text.strip()}\n```"


def _bars(found: Sequence[Result]) -> Iterator[str]:
    yield from ("| what | bar | seen | |", "|---|---|---|---|")
    for result in found:
        seen = "not measured" if result.seen is None else f"{result.seen:,g} {result.bar.unit}"
        verdict = {True: "holds", False: "**missed**", None: ""}[result.met]
        yield f"| {result.bar.about} | {result.bar.asked()} | {seen} | {verdict} |"


def main() -> int:
    """Run what was asked for, all by default, and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, help="how long each measures, where that can be chosen")
    arguments.add_argument("--write", action="store_true", help="run nothing, write the page of what is kept")
    arguments.add_argument("names", nargs="*", choices=[*MEASURED, []], help="what to run (all)")
    given = arguments.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for name in () if given.write else given.names or MEASURED:
        run(name, given.seconds)
    (DOCS / "benchmarks.md").write_text("\n\n".join(page(kept())) + "\n")
    print(f"\n{DOCS / 'benchmarks.md'} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
