"""Draws catch rate against lifetime, one panel for each set of terms, as SVG and PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")  # no display is needed

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

Point = tuple[float, Mapping[str, float]]
"""Median seconds of a lifetime, and the share that each tool saw, from 0 to 1."""

STYLES = {
    "sensor, program named": ("#0b5fa5", "-", "o"),
    "sensor, with all arguments": ("#0b5fa5", "--", "s"),
    "strace": ("#444444", ":", "x"),
    "psutil": ("#c1440e", "-", "^"),
    "pspy": ("#2f7d32", "-", "v"),
}
PLACES = {"sensor, program named": (1.1, 1.06), "sensor, with all arguments": (2.9, 0.86), "strace": (14, 1.06)}
"""Where a label stands, in ms and share; the others stand beside their line."""


def draw(panels: Mapping[str, Sequence[Point]], folder: Path) -> None:
    """Write catch-rate.svg and catch-rate.png into the folder."""
    mpl.rcParams.update({"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "catch-rate"})
    figure, axes = pyplot.subplots(1, len(panels), figsize=(11, 4.4), sharey=True, squeeze=False)
    for place, (title, points) in zip(axes[0], panels.items(), strict=True):
        _panel(place, title, points)
    axes[0][0].set_ylabel("processes seen")
    figure.tight_layout()
    figure.savefig(folder / "catch-rate.svg", metadata={"Date": None})
    figure.savefig(folder / "catch-rate.png", dpi=120)


def _panel(axes: Axes, title: str, points: Sequence[Point]) -> None:
    ordered = sorted(points, key=lambda point: point[0])
    milliseconds = [seconds * 1000 for seconds, _ in ordered]
    for tool in ordered[0][1]:
        colour, line, marker = next(style for name, style in STYLES.items() if tool.startswith(name))
        shares = [seen[tool] for _, seen in ordered]
        axes.plot(milliseconds, shares, line, color=colour, marker=marker, markersize=4, linewidth=1.6)
        _label(axes, tool, colour, milliseconds, shares)
    axes.set_title(title, fontsize=10, loc="left", pad=14)
    axes.set_xscale("log")
    axes.set_xlim(1, 150)
    axes.set_ylim(-0.03, 1.13)
    axes.set_xlabel("lifetime, from spawn to wait (ms)")
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Axes, tool: str, colour: str, milliseconds: Sequence[float], shares: Sequence[float]) -> None:
    """The tool's name, in the colour of its line."""
    place = next((place for name, place in PLACES.items() if tool.startswith(name)), None)
    if place is None:
        middle = len(shares) // 2
        place = (milliseconds[middle] * 1.15, shares[middle] - 0.06)
    axes.text(*place, tool, color=colour, fontsize=9)
