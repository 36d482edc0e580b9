"""The bars of the issues, each found in what its benchmark printed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

Find = Callable[[str], list[float]]
"""Finds a bar's figures in what a benchmark printed; where there are several, the worst counts."""


class Bar(NamedTuple):
    """What was promised. `limit` is the least that is good enough where `least`, else the most."""

    about: str
    bench: str
    find: Find
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


_AMOUNT = r"([\d,]*\.?\d+)"
_NUMBER = r"([+-]?[\d,]*\.?\d+)"


def said(pattern: str) -> Find:
    """The numbers in lines of text, where `#` is in the pattern."""
    compiled = re.compile(pattern.replace("#", _NUMBER), re.MULTILINE)
    return lambda output: [_number(text) for text in compiled.findall(output)]


def cell(title: str, row: str, column: str) -> Find:
    """The last number of each cell in the column, in the rows that match, of the tables under a title that matches.

    A sign is left out: what is counted too often is as wrong. Tables are as `tables.table` prints them: columns end
    where their names do, but for the first.
    """

    def find(output: str) -> list[float]:
        texts = (text for table in _tables(output, title) for text in _column(table, row, column))
        return [_number(found[-1]) for text in texts if (found := re.findall(_AMOUNT, text))]

    return find


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _tables(output: str, title: str) -> Iterator[list[str]]:
    """The lines of each table: behind the title's line and an empty one."""
    paragraphs = output.split("\n\n")
    for above, below in pairwise(paragraphs):
        if re.search(title, above.rpartition("\n")[2]):
            yield below.splitlines()


def _column(table: Sequence[str], row: str, column: str) -> Iterator[str]:
    head, *rows = table
    ends = [found.end() for found in re.finditer(r"\S+(?: \S+)*", head)]
    end = next((at for at in ends if head[:at].endswith(f"  {column}")), None)
    if end is None:
        return
    begin = max((at for at in ends if at < end), default=0)
    yield from (line[begin:end] for line in rows if re.search(row, line))


EACH = "^"
TERMS = "^(?:ECS|EKS): "
SPAWNS = "as fast as a shell can: seconds$"
TURNS = r"^a server followed by the tracer and let go in turns, \d+ pairs$"
TRACED = "^sensor, trace "
LOST = r"^SIG(?:KILL|STOP): \d+ runs, "
BUSY = "^1000 connections a second for "
DOING = "^busy: 20 programs and 20 connections a second for "
CORE = "% of a core"

NAMED, WHOLE = "sensor, program named", "sensor, with all arguments"
STORM, CONNECTIONS, SHARE = "^a storm of .*/bin/true", "^a storm of .*connections", "sensor's share"
HELD = cell(TERMS, "^50 ms", "right process")
DUMP = cell("^a table of ", "^sock_diag ", "CPU of a dump (median of 5)")

PROCESSES = (
    Bar("`/bin/true` told", "catch_rate", cell(TERMS, "^/bin/true ", NAMED), 95, "%", True),
    Bar("`sleep 0.002` with all arguments", "catch_rate", cell(TERMS, r"^sleep 0\.002 ", WHOLE), 99, "%", True),
    Bar("execs told that did not happen", "load", cell("^precision$", EACH, "of which did not happen"), 0, "execs"),
    Bar("a shell loop's own time", "load", said(r"^a shell loop of .*: median # % with the sensor$"), 5, "% longer"),
    Bar(
        "the sensor's share of a quarter of a core, in a storm", "load", cell(STORM, "^from (the|its) ", SHARE), 10, "%"
    ),
    Bar(
        "the sensor's share of a quarter of a core that nothing tells, in a storm",
        "load",
        cell(STORM, "^from nowhere ", SHARE),
        10,
        "%",
    ),
    Bar("memory in a storm", "load", cell(STORM, EACH, "memory, most"), 64, "MB"),
    Bar(
        "traced: a shell loop, with all arguments", "trace", cell(SPAWNS, TRACED, "with all arguments"), 100, "%", True
    ),
    Bar("traced: a shell loop's own time", "trace", cell(SPAWNS, TRACED, "times alone, median"), 1.25, "times alone"),
    Bar("traced: what a server answers", "trace", cell(TURNS, EACH, "times let go, median"), 0.99, "times", True),
    Bar("the tracer lost: the app's results", "trace", said(f"{LOST}.* changed in #;"), 0, "changed"),
    Bar("the tracer lost: the app's longest turn", "trace", said(f"{LOST}.*, worst # ms$"), 1000, "ms"),
)

NETWORK = (
    Bar("connections of 1 ms told", "network", cell(TERMS, "^(500|100) ", "flows"), 100, "%", True),
    Bar(
        "connections of 1 ms, the right process", "network", cell(TERMS, "^(500|100) ", "right process"), 99, "%", True
    ),
    Bar("the wrong process by its descriptor", "network", cell(TERMS, EACH, "wrong by descriptor"), 0, "connections"),
    Bar("connections of 50 ms of 1,000, the right process", "network", HELD, 95, "%", True),
    Bar("refused, timed out, reset: outcome told", "network", cell(TERMS, "^(20|5) ", "right outcome"), 100, "%", True),
    Bar("UDP sockets told", "network", cell(TERMS, "^200 UDP", "flows"), 100, "%", True),
    Bar(
        "201 queries of DNS, with all answers",
        "network",
        cell("", "^E[CK]S: ", "told with all answers"),
        201,
        "told",
        True,
    ),
    Bar("1,000 connections a second: neither told nor lost", "network", cell(BUSY, EACH, "neither"), 0, "of them"),
    Bar(
        "1,000 connections a second: the generator's pace",
        "network",
        said("^median of per_second: .* in pairs [+-]# % "),
        3,
        "% slower",
    ),
    Bar(
        "1,000 connections a second: each takes longer", "network", said("^median of mean_us: .* in pairs # % "), 3, "%"
    ),
    Bar(
        "the sensor's share of a quarter of a core, in a storm of connections, once the saved is spent",
        "network",
        cell(CONNECTIONS, EACH, "last half"),
        10,
        "%",
    ),
    Bar("a dump of 10,000 open connections", "network", DUMP, 100, "ms"),
    Bar("its longest step", "network", cell("^a table of ", "^sock_diag ", "longest step"), 10, "ms"),
)

FILES = (
    Bar("60 changes of an attacker who is root", "files", cell("^an attacker's", "^ECS: ", "told"), 60, "told", True),
    Bar("who changed a file, held for 50 ms", "files", cell("^shells that hold", EACH, "right"), 95, "% right", True),
    Bar("files of a tree", "files", cell("^a tree is unpacked$", EACH, "not as told"), 0, "not as told"),
    Bar("an app that logs 11,000 times a second", "files", cell("^appends for ", EACH, "CPU of one core"), 2, CORE),
)

DELIVERY = (
    Bar("bytes an event, batches of 500", "delivery", cell("^bytes an event", "^msgpack, zstd ", "mean"), 80, "bytes"),
    Bar("enrich, batch, spool, send on one core", "delivery", said(r"^on disk +\S+ +\S+ +#"), 20_000, "events/s", True),
    Bar("an event to stored, idle, p50", "delivery", cell("^event to stored", "^ordinary ", "p50"), 1000, "ms"),
    Bar("a detection to stored, p99", "delivery", cell("^event to stored", "^detection ", "p99"), 250, "ms"),
    Bar("ingest down for ten minutes", "delivery", said("^ingest down .* stored, # lost"), 0, "lost"),
    Bar("ingest that misbehaves", "delivery", said("^ingest misbehaving .* events, # lost"), 0, "lost"),
    Bar("ingest that misbehaves, doubled", "delivery", said("^ingest misbehaving .* lost, # doubled"), 0, "events"),
)

LIGHT = (
    Bar("CPU when quiet, 50 to 2,000 processes", "load", cell("^quiet for ", EACH, "CPU of one core"), 0.5, CORE),
    Bar("CPU at 20 programs and 20 connections a second", "load", cell(DOING, TERMS, "CPU of one core"), 2, CORE),
    Bar("memory at that", "load", cell(DOING, "^ECS: ", "memory (PSS)"), 45, "MB"),
    Bar("memory at that, with a helper", "load", cell(DOING, "^EKS: ", "memory (PSS)"), 55, "MB"),
    Bar("memory at rest, all processes of the sensor", "footprint", said(r"PSS, all processes\) +# MB"), 40, "MB"),
    Bar("exec to first event", "footprint", said("^exec of the sensor to its first event +# ms"), 400, "ms"),
    Bar("image over its base", "footprint", said("# MB over"), 35, "MB"),
)

OTHERS = (
    Bar("a rule set of 200, an event", "detect", said("an event: median # µs"), 15, "µs"),
    Bar("a rule set of 200, in memory", "detect", said("as a file, # MB in memory"), 3, "MB"),
    Bar(
        "detections of ordinary life, high or critical",
        "ordinary_life",
        cell("^detections of", EACH, "high"),
        0,
        "of them",
    ),
    Bar("1,000 files checked", "checks", said(r"(?:^as \w+:| s,) # s\b"), 10, "s"),
    Bar("a review of a pod, p99 at 50 a second", "webhook", said("p99 # ms"), 100, "ms"),
)

BARS = PROCESSES + NETWORK + FILES + DELIVERY + LIGHT + OTHERS


def results(outputs: Mapping[str, str], bars: Sequence[Bar] = BARS) -> list[Result]:
    """All bars, those first of which the most was used."""
    found = [Result(bar, _worst(bar, outputs.get(bar.bench, ""))) for bar in bars]
    return sorted(found, key=lambda result: -result.used)


def _worst(bar: Bar, output: str) -> float | None:
    return (min if bar.least else max)(bar.find(output), default=None)
