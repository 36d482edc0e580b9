"""The bars' patterns against what the benchmarks print: what is kept of real runs, and tables like theirs."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.bars import BARS, Bar, Result, cell, results, said
from bench.tables import table

KEPT = Path(__file__).parents[3] / "bench" / "results"

PAIRED = ("times alone, median", "of pairs")
LOOP = table(
    ("", "round 1", "round 2", *PAIRED, "with all arguments"),
    [
        ("alone", "4.10", "4.20", "1.000", "1.000 to 1.000", ""),
        ("sensor, cursor", "4.21", "4.31", "1.027", "1.020 to 1.040", "31.0 %"),
        ("sensor, trace", "4.61", "4.65", "1.124", "1.101 to 1.131", "99.9 %"),
        ("a tracer that only lets go on", "4.50", "4.51", "1.090", "1.080 to 1.100", ""),
    ],
)
SERVED = table(
    ("load", "a second, let go", "followed", "times let go, median", "of pairs", "stops", "tracer's CPU, a turn"),
    [
        ("nginx, requests a second", "20123", "20143", "1.0011", "0.9903 to 1.0104", "0", "1.2 ms"),
        ("redis, GET a second", "40123", "40023", "0.9970", "0.9901 to 1.0052", "0", "1.3 ms"),
    ],
)
LOST = "\n".join(
    f"{name}: 100 runs, tracer lost in 97, the app's results changed in {changed}; longest turn median 12 ms, "
    f"worst {worst} ms"
    for name, changed, worst in (("SIGKILL", 0, 77), ("SIGSTOP", 2, 412))
)
CONNECTIONS = table(
    ("what", "made", "flows", "bytes exact", "one less", "right process", "wrong", "wrong by descriptor",
     "right outcome", "evidence"),
    [
        ("500 connections of 1 ms", "500", "100.0 %", "100.0 %", "0", "99.8 %", "1", "0", "100.0 %", "recent 500"),
        ("500 of 1 ms, IPv6", "500", "99.6 %", "100.0 %", "0", "99.2 %", "0", "0", "100.0 %", "recent 499, taken 1"),
        ("100 short nc", "100", "100.0 %", "99.0 %", "1", "100.0 %", "0", "0", "100.0 %", "descriptor 80, recent 20"),
        ("50 ms, 1,000 descriptors", "200", "100.0 %", "100.0 %", "0", "96.5 %", "3", "1", "100.0 %", "descriptor 200"),
        ("20 refused, IPv6", "20", "100.0 %", "-", "0", "100.0 %", "0", "0", "95.0 %", "recent 20"),
        ("5 timed out", "5", "100.0 %", "-", "0", "100.0 %", "0", "0", "100.0 %", "recent 5"),
        ("200 UDP sockets", "200", "100.0 %", "100.0 %", "0", "100.0 %", "0", "0", "-", "descriptor 200"),
    ],
)  # fmt: skip
NAMES = table(
    ("DNS", "resolver", "asked", "told with all answers", "events", "with a process", "name of the connection"),
    [
        ("ECS: SYS_PTRACE, app as root", "on loopback", "201", "201", "201", "201", "peer.zone.example"),
        ("EKS: no SYS_PTRACE, app as uid 1000", "elsewhere", "201", "199", "200", "200", "none"),
    ],
)
RATE = table(
    ("a second, without", "with", "median us, without", "with", "generator's CPU", "sensor's CPU", "made", "told",
     "lost", "neither"),
    [
        ("999.8", "999.7", "81", "83", "9.11 s, 9.32 s", "27.1 %", "30000", "29990", "netlink_overflow 7, x 3", "3"),
        ("999.8", "999.7", "81", "83", "9.11 s, 9.32 s", "27.1 %", "30000", "30000", "nothing", "0"),
    ],
)  # fmt: skip
DUMPS = table(
    ("way", "sockets", "CPU of a dump (median of 5)", "longest step"),
    [("sock_diag", "10021", "31 ms", "1.9 ms"), ("/proc/net", "10019", "131 ms", "12.5 ms")],
)
FLOOD = table(
    ("made", "a second", "told", "went by, at most", "neither", "sensor's share", "last half"),
    [("27000", "300", "2336", "24750", "0", "13.1 %", "9.8 %")],
)
ATTACK = table(
    ("terms", "made", "told", "missed"),
    [
        ("ECS: SYS_PTRACE, app as root", "60", "59", "file.create /dev/shm/.x"),
        ("EKS: no SYS_PTRACE, app as uid 1000", "31", "31", ""),
    ],
)
ACTOR = table(
    ("terms", "right", "right, by", "wrong, by", "nobody named"),
    [
        ("ECS: SYS_PTRACE, app as root", "100 %", "descriptor 100", "-", "0"),
        ("EKS: no SYS_PTRACE, app as uid 1000", "97 %", "descriptor 97", "argument 1", "2"),
    ],
)
TREE = table(
    ("", "files", "not as told", "overflows told"), [("alone", "5000", "0", "0"), ("beside a flood", "5000", "4", "1")]
)
APPENDS = table(
    ("the watched file", "CPU of one core", "events"),
    [("kept open", "0.91 %", "3"), ("open and close each time", "1.75 %", "4")],
)
TABLES = {
    "trace": (
        f"\n5000 /bin/true, as fast as a shell can: seconds\n\n{LOOP}\n"
        f"\na server followed by the tracer and let go in turns, 60 pairs\n\n{SERVED}\n"
        f"\n5000 threads: all there\n{LOST}\n"
    ),
    "network": (
        f"\nECS: SYS_PTRACE, app as root\n\n{CONNECTIONS}\n\n{NAMES}\n"
        f"\n1000 connections a second for 30 s; ECS: SYS_PTRACE, app as root\n\n{RATE}\n"
        "median of per_second: 999.8 without, 960.1 with the sensor, in pairs -4.0 % (-5.0 to -0.1)\n"
        "median of mean_us: 81.2 without, 82.9 with the sensor, in pairs +2.1 % (-1.0 to +4.2)\n"
        "median of cpu_s: 9.11 without, 9.32 with the sensor, in pairs +2.3 % (-1.0 to +4.2)\n"
        f"\na table of 10000 open connections, 10000 told within 5 s\n\n{DUMPS}\n"
        f"\na storm of 300 connections a second for 90 s; pause, app and sensor share 0.25 cores\n\n{FLOOD}\n"
    ),
    "files": (
        f"\nan attacker's changes\n\n{ATTACK}\n\nshells that hold a file for 50 ms\n\n{ACTOR}\n"
        f"\na tree is unpacked\n\n{TREE}\n\nappends for 30 s: 10,000 a second unwatched, 1,000 watched\n\n{APPENDS}\n"
    ),
}
EXPECTED = {
    "traced: a shell loop, with all arguments": (99.9, False),
    "traced: a shell loop's own time": (1.124, True),
    "traced: what a server answers": (0.997, True),
    "the tracer lost: the app's results": (2, False),
    "the tracer lost: the app's longest turn": (412, True),
    "connections of 1 ms told": (99.6, False),
    "connections of 1 ms, the right process": (99.2, True),
    "the wrong process by its descriptor": (1, False),
    "connections of 50 ms of 1,000, the right process": (96.5, True),
    "refused, timed out, reset: outcome told": (95.0, False),
    "UDP sockets told": (100, True),
    "201 queries of DNS, with all answers": (199, False),
    "1,000 connections a second: neither told nor lost": (3, False),
    "1,000 connections a second: the generator's pace": (4.0, False),
    "1,000 connections a second: each takes longer": (2.1, True),
    "the sensor's share of a quarter of a core, in a storm of connections, once the saved is spent": (9.8, True),
    "a dump of 10,000 open connections": (31, True),
    "its longest step": (1.9, True),
    "60 changes of an attacker who is root": (59, False),
    "who changed a file, held for 50 ms": (97, True),
    "files of a tree": (4, False),
    "an app that logs 11,000 times a second": (1.75, True),
}


def found(outputs: Mapping[str, str]) -> dict[str, Result]:
    return {result.bar.about: result for result in results(outputs)}


@pytest.mark.parametrize("about", EXPECTED)
def test_the_worst_figure_of_the_right_column_is_taken(about: str) -> None:
    result = found(TABLES)[about]

    assert (result.seen, result.met) == EXPECTED[about]


def test_every_bar_of_these_benchmarks_has_its_figure_above() -> None:
    assert {bar.about for bar in BARS if bar.bench in TABLES} == set(EXPECTED)


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.txt")), ids=lambda path: path.stem)
def test_what_is_kept_of_a_run_has_the_figures_of_all_its_bars(path: Path) -> None:
    bars = [bar for bar in BARS if bar.bench == path.stem]

    assert [result.bar.about for result in results({path.stem: path.read_text()}, bars) if result.seen is None] == []


def test_the_bars_that_are_missed_come_first_and_what_was_not_measured_last() -> None:
    near, far = Bar("near", "x", said("^near #$"), 10, "ms"), Bar("far", "x", said("^far #$"), 10, "ms")
    unseen, least = Bar("unseen", "y", said("^#$"), 1, "ms"), Bar("least", "x", said("^least #$"), 100, "%", least=True)

    ordered = results({"x": "far 1,234\nnear 9\nleast 50\nleast 99"}, [unseen, near, least, far])

    assert [(one.bar.about, one.seen, one.met) for one in ordered] == [
        ("far", 1234, False),
        ("least", 50, False),
        ("near", 9, True),
        ("unseen", None, None),
    ]
    assert [bar.asked() for bar in (near, least)] == ["≤ 10 ms", "≥ 100 %"]


@pytest.mark.parametrize(
    ("limit", "least", "figures", "seen", "met"),
    [
        (99, True, [0], 0, False),
        (0, False, [0, 0], 0, True),
        (0, False, [0, 2], 2, False),
        (3, False, [-1], -1, True),
        (3, False, [], None, None),
    ],
)
def test_nothing_may_be_promised_and_nothing_may_be_seen(
    limit: float, least: bool, figures: list[float], seen: float | None, met: bool | None
) -> None:
    (result,) = results({"x": ""}, [Bar("what", "x", lambda _: figures, limit, "", least)])

    assert (result.seen, result.met) == (seen, met)


LIVES = """
program          count  spawn to wait  sensor, program named  sensor, with all arguments  evidence
sleep 0.002        500         4.1 ms            500 (100 %)                499 (99.8 %)    cursor
/bin/true          500         1.1 ms           497 (99.4 %)                140 (28.0 %)
""".strip()


@pytest.mark.parametrize(
    ("row", "column", "figures"),
    [
        ("^/bin/true ", "sensor, program named", [99.4, 99.4]),
        ("^sleep ", "count", [500, 500]),
        ("^", "evidence", []),
        ("^cat ", "count", []),
        ("^sleep ", "with all arguments", []),
    ],
)
def test_a_cell_is_found_by_its_tables_title_its_row_and_its_column(
    row: str, column: str, figures: list[float]
) -> None:
    printed = f"2 cores\n\nECS: root\n\n{LIVES}\n\nEKS: uid 1000\n\n{LIVES}\n/bin/true 500 is no row of it\n"

    assert cell("^(?:ECS|EKS): ", row, column)(printed)[:2] == figures
    assert cell("^psutil", row, column)(printed) == []
