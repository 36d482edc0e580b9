"""The bars of the issues, each found in what its benchmark printed."""

import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple


class Bar(NamedTuple):
    """What was promised. `pattern` finds its figure in the output of `bench`; where it does so often, the worst counts.

    `limit` is the least that is good enough where `least`, else the most.
    """

    about: str
    bench: str
    pattern: str
    limit: float
    unit: str
    least: bool = False

    def asked(self) -> str:
        """The bar as people write it."""
        return f"{'≥' if self.least else '≤'} {self.limit:,g} {self.unit}".rstrip()


class Result(NamedTuple):
    """A bar and the figure that was seen, None where its benchmark has not run or did not print it."""

    bar: Bar
    seen: float | None

    @property
    def used(self) -> float:
        """How much of what is allowed was needed: over 1 the bar was missed."""
        if self.seen is None:
            return 0.0
        if self.bar.least:
            return self.bar.limit / self.seen if self.seen else inf
        if not self.bar.limit:
            return inf if self.seen else 0.0
        return self.seen / self.bar.limit

    @property
    def met(self) -> bool | None:
        """None where nothing was seen."""
        return None if self.seen is None else self.used <= 1


_NUMBER = r"([\d,.]+)"
_SHARE = r"(?:[\d.]+ %|-)"
_FLOWS = rf"\d+ +{_SHARE}"
"""Of a kind of connection: how many were made, and the share that was told."""
_OWNERS = rf"{_FLOWS} +{_SHARE} +\d+"
"""Up to the share with the right process."""

BARS = (
    Bar("CPU when quiet, 50 to 2,000 processes", "load", rf"^(?:50|500|2000) +{_NUMBER} %$", 0.5, "% of a core"),
    Bar("memory at rest, all processes of the sensor", "footprint", rf"PSS, all processes\) +{_NUMBER} MB", 40, "MB"),
    Bar("image over its base", "footprint", rf"{_NUMBER} MB over", 35, "MB"),
    Bar("`/bin/true` told", "catch_rate", rf"^/bin/true +\d+ +\S+ ms +\d+ \({_NUMBER} %\)", 95, "%", least=True),
    Bar(
        "`sleep 0.002` with all arguments",
        "catch_rate",
        rf"^sleep 0\.002 .*? %\) +\d+ \({_NUMBER} %\)",
        99,
        "%",
        least=True,
    ),
    Bar("bytes an event on the wire, batches of 500", "delivery", rf"^msgpack, zstd +{_NUMBER}", 80, "bytes"),
    Bar(
        "enrich, batch, spool, send on one core",
        "delivery",
        rf"^on disk +\S+ +\S+ +{_NUMBER}",
        20_000,
        "events/s",
        True,
    ),
    Bar("an event to stored, idle, p50", "delivery", rf"^ordinary +\d+ +{_NUMBER} ms", 1000, "ms"),
    Bar("a detection to stored, p99", "delivery", rf"^detection +\d+ +\S+ ms +{_NUMBER} ms", 250, "ms"),
    Bar("ingest down for ten minutes", "delivery", rf"ingest down .*? stored, {_NUMBER} lost", 0, "lost"),
    Bar("ingest that misbehaves", "delivery", rf"ingest misbehaving .*? events, {_NUMBER} lost", 0, "lost"),
    Bar("ingest that misbehaves", "delivery", rf"ingest misbehaving .*? lost, {_NUMBER} doubled", 0, "doubled"),
    Bar("a rule set of 200, an event", "detect", rf"an event: median {_NUMBER} µs", 15, "µs"),
    Bar("a rule set of 200, in memory", "detect", rf"as a file, {_NUMBER} MB in memory", 3, "MB"),
    Bar("traced: a shell's loop, all arguments", "trace", rf"^sensor, trace .* to \S+ +{_NUMBER} %$", 100, "%", True),
    Bar(
        "traced: a shell's loop, its time",
        "trace",
        rf"^sensor, trace .*? +{_NUMBER} +\S+ to \S+ +\S+ %$",
        1.25,
        "times alone",
    ),
    Bar(
        "traced: requests a second of servers",
        "trace",
        rf"^sensor, trace +\d+ +{_NUMBER} +\S+ to \S+ +\S+ +\S+ to \S+$",
        0.99,
        "times alone",
        least=True,
    ),
    Bar("the tracer lost: the app's results", "trace", rf"the app's results changed in {_NUMBER};", 0, "changed"),
    Bar("the tracer lost: the app's longest turn", "trace", rf"^SIG\w+: .* worst {_NUMBER} ms$", 1000, "ms"),
    Bar(
        "connections of 1 ms, `nc`, UDP sockets told",
        "network",
        rf"^(?:500 connections of 1 ms|500 of 1 ms, IPv6|100 short nc|200 UDP sockets) +\d+ +{_NUMBER} %",
        100,
        "%",
        least=True,
    ),
    Bar(
        "connections of 1 ms and `nc`, the right process",
        "network",
        rf"^(?:500 connections of 1 ms|500 of 1 ms, IPv6|100 short nc) +{_OWNERS} +{_NUMBER} %",
        99,
        "%",
        least=True,
    ),
    Bar(
        "connections of 50 ms of 1,000, the right process",
        "network",
        rf"^50 ms, .*? +{_OWNERS} +{_NUMBER} %",
        95,
        "%",
        least=True,
    ),
    Bar(
        "the wrong process, with a descriptor for evidence",
        "network",
        rf"^\S.*? +{_OWNERS} +{_SHARE} +\d+ +{_NUMBER} +{_SHARE}",
        0,
        "connections",
    ),
    Bar(
        "refused, timed out, reset, with that outcome",
        "network",
        rf"^(?:20 re|5 timed).*? +{_OWNERS} +{_SHARE} +\d+ +\d+ +{_NUMBER} %",
        100,
        "%",
        least=True,
    ),
    Bar(
        "201 DNS queries with all answers",
        "network",
        rf"(?:on loopback|elsewhere) +\d+ +{_NUMBER} ",
        201,
        "told",
        least=True,
    ),
    Bar("1,000 connections a second, not told, not counted", "network", rf" s, \S+ s .* +-?{_NUMBER}$", 0, "of them"),
    Bar("a dump of 10,000 open connections", "network", rf"^sock_diag +\d+ +{_NUMBER} ms", 100, "ms"),
    Bar("its longest step", "network", rf"^sock_diag +\d+ +\d+ ms +{_NUMBER} ms", 10, "ms"),
    Bar("60 changes of an attacker who is root", "files", rf"^ECS: [^%\n]*? +\d+ +{_NUMBER}(?: |$)", 60, "told", True),
    Bar("who changed a file, held for 50 ms", "files", rf"^E[CK]S: .*? +{_NUMBER} % ", 95, "% right", least=True),
    Bar("a tree of 5,000 files", "files", rf"^(?:alone|beside a flood) +\d+ +{_NUMBER} +\d+$", 0, "not as told"),
    Bar(
        "11,000 appends a second, 1,000 of them watched",
        "files",
        rf"^(?:kept open|open and close each time) +{_NUMBER} %",
        2,
        "% of a core",
    ),
    Bar("a review of a pod, p99 at 50 a second", "webhook", rf"p99 {_NUMBER} ms", 100, "ms"),
)


def results(outputs: Mapping[str, str], bars: Sequence[Bar] = BARS) -> list[Result]:
    """All bars, those first of which the most was used."""
    found = [Result(bar, _worst(bar, outputs.get(bar.bench, ""))) for bar in bars]
    return sorted(found, key=lambda result: -result.used)


def _worst(bar: Bar, output: str) -> float | None:
    figures = [float(text.replace(",", "")) for text in re.findall(bar.pattern, output, re.MULTILINE)]
    return (min if bar.least else max)(figures, default=None)
