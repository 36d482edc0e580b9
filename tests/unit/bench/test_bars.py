"""The bars are found in what benchmarks print: in what they have printed, and in tables as they make them."""

from pathlib import Path

import pytest
from bars import BARS, Bar, Result, cell, results, said

KEPT = Path(__file__).parents[3] / "bench" / "results"

TABLES = """
kernel of a machine, 2 cores

ECS: SYS_PTRACE, app as root

program          count  spawn to wait  sensor, program named  sensor, with all arguments  evidence
sleep 0.002        500         4.1 ms            500 (100 %)                499 (99.8 %)    cursor
/bin/true          500         1.1 ms           497 (99.4 %)                140 (28.0 %)      open

EKS: no SYS_PTRACE, app as uid 1000

program          count  spawn to wait  sensor, program named  sensor, with all arguments  evidence
sleep 0.002        500         4.1 ms            500 (100 %)                496 (99.2 %)    cursor
/bin/true          500         1.1 ms            500 (100 %)                 90 (18.0 %)
500 /bin/true more, and no table.
"""


@pytest.mark.parametrize(
    ("row", "column", "figures"),
    [
        ("^/bin/true ", "sensor, program named", [99.4, 100]),
        ("^sleep ", "sensor, with all arguments", [99.8, 99.2]),
        ("^sleep ", "count", [500, 500]),
        ("^sleep ", "evidence", []),
        ("^cat ", "count", []),
        ("^sleep ", "with all arguments", []),
    ],
)
def test_a_cell_is_found_by_its_tables_title_its_row_and_its_column(row, column, figures):
    assert cell("^(?:ECS|EKS): ", row, column)(TABLES) == figures


def test_a_table_without_the_title_is_another():
    assert cell("^psutil", "^/bin/true ", "count")(TABLES) == []


def test_numbers_in_text_may_have_signs_commas_and_points():
    assert said("^median # %$")("median +1,234.5 %\nmedian -0.4 %\nmedian 7 % more\n") == [1234.5, -0.4]


@pytest.mark.parametrize(
    ("limit", "least", "figures", "seen", "met"),
    [
        (100, False, [90, 110], 110, False),
        (100, False, [100], 100, True),
        (99, True, [100, 98], 98, False),
        (99, True, [99, 100], 99, True),
        (99, True, [0], 0, False),
        (0, False, [0, 0], 0, True),
        (0, False, [0, 2], 2, False),
        (3, False, [-1], -1, True),
        (3, False, [], None, None),
    ],
)
def test_the_worst_of_several_counts(limit, least, figures, seen, met):
    bar = Bar("what", "some", lambda _: figures, limit, "", least)

    (result,) = results({"some": ""}, [bar])

    assert (result.seen, result.met) == (seen, met)


def test_what_misses_its_bar_most_comes_first():
    bars = [Bar(f"{seen}", "some", lambda _, seen=seen: [seen], 10, "") for seen in (5, 20, 10)]

    assert [result.seen for result in results({"some": ""}, bars)] == [20, 10, 5]


def test_each_bar_is_found_in_what_its_benchmark_has_printed():
    """A table that got other words would have its bars pass as not measured."""
    outputs = {file.stem: file.read_text() for file in KEPT.glob("*.txt")}
    missing = [result.bar.about for result in results(outputs) if result.bar.bench in outputs and result.seen is None]

    assert outputs
    assert missing == []


def test_each_bar_is_asked_of_a_benchmark_that_is_there():
    benches = {file.stem for file in KEPT.parent.glob("*.py")}

    assert {bar.bench for bar in BARS} <= benches
    assert isinstance(results({})[0], Result)
