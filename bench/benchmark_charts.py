"""Draws what the benchmarks printed: CPU against processes, the app's own time, bytes an event, latency."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")  # no display is needed

from matplotlib import pyplot
from matplotlib.axes import Axes

BLUE, GREY, RED = "#0b5fa5", "#999999", "#c1440e"
NAME = "benchmarks.svg"


def draw(outputs: Mapping[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    """File names in the folder and what they show; catch rates have a drawing of their own."""
    if (folder / "catch-rate.svg").exists():
        yield "catch-rate.svg", "catch rate against lifetime"
    mpl.rcParams.update({"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "benchmarks"})
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 6.4))
    _cpu(axes[0][0], outputs.get("load", ""))
    _slower(axes[0][1], outputs.get("load", ""))
    _bytes(axes[1][0], outputs.get("delivery", ""))
    _latency(axes[1][1], outputs.get("delivery", ""))
    figure.tight_layout()
    figure.savefig(folder / NAME, metadata={"Date": None})
    pyplot.close(figure)
    yield NAME, "CPU against processes, a shell loop with and without the sensor, bytes an event, latency"


def _rows(text: str, pattern: str) -> list[tuple[str, ...]]:
    return [tuple(found) for found in re.findall(pattern, text, re.MULTILINE)]


def _cpu(axes: Axes, text: str) -> None:
    _, _, quiet = text.partition("\nquiet for")
    rows = _rows(quiet, r"^(\d+) +([\d.]+) %")
    axes.plot([int(n) for n, _ in rows], [float(p) for _, p in rows], color=BLUE, marker="o")
    axes.axhline(0.5, color=RED, linestyle="--", linewidth=1)
    axes.set_ylim(bottom=0)
    _named(axes, "quiet: CPU of one core (%), dashed the bar", "processes in the task")


def _slower(axes: Axes, text: str) -> None:
    rows = _rows(text, r"^(\d+) +([\d.]+) s +([\d.]+) s ")
    for shift, colour, column, label in ((-0.2, GREY, 1, "without"), (0.2, BLUE, 2, "with the sensor")):
        axes.bar(
            [int(row[0]) + shift for row in rows], [float(row[column]) for row in rows], 0.36, color=colour, label=label
        )
    axes.set_xticks([int(row[0]) for row in rows])
    if rows:
        axes.legend(frameon=False, loc="lower right")
    _named(axes, "a shell loop of 5,000 programs (s)", "run")


def _bytes(axes: Axes, text: str) -> None:
    rows = _rows(text, r"^(msgpack, zstd|JSON lines, gzip) +([\d.]+)")
    axes.barh([name for name, _ in rows], [float(mean) for _, mean in rows], color=[BLUE, GREY][: len(rows)])
    axes.axvline(80, color=RED, linestyle="--", linewidth=1)
    _named(axes, "bytes an event in batches of 500, dashed the bar", "")


def _latency(axes: Axes, text: str) -> None:
    rows = _rows(text, r"^(ordinary|detection|exec to its detection)[^\d\n]* +\d+ +(\d+) ms +(\d+) ms +(\d+) ms")
    for shift, colour, column, label in ((0.22, BLUE, 1, "p50"), (-0.22, GREY, 2, "p99")):
        places = [n + shift for n in range(len(rows))]
        axes.barh(places, [float(row[column]) for row in rows], 0.4, color=colour, label=label)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    if rows:
        axes.legend(frameon=False)
    _named(axes, "event to stored (ms)", "")


def _named(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlabel(below)
    axes.spines[["top", "right"]].set_visible(False)
