"""Conditions of the compact form, one by one: what the compiler writes and what someone else may have written."""

from typing import Any

import pytest

from sensor.detect.compact import DEEPEST, Condition, MalformedRules
from sensor.detect.conditions import predicate
from sensor.detect.facts import Facts, Form
from tests.rules_from import exec_event


def holds(condition: Condition, line: str = "app", **fields: object) -> bool:
    forms: dict[str, Form] = {}
    test = predicate(condition, forms)
    return test(Facts(exec_event(line, **fields), forms))


def is_(field: str, how: str, *texts: str, cased: bool = False) -> Condition:
    return ["is", field, how, cased, list(texts)]


YES, NO = ["exists", "Image"], ["exists", "User"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (["and"], True),
        (["and", YES], True),
        (["and", NO], False),
        (["and", YES, YES], True),
        (["and", YES, NO], False),
        (["and", NO, YES], False),
        (["and", YES, YES, YES], True),
        (["and", YES, YES, NO], False),
        (["and", NO, YES, YES], False),
        (["or"], False),
        (["or", YES], True),
        (["or", NO], False),
        (["or", NO, NO], False),
        (["or", YES, NO], True),
        (["or", NO, YES], True),
        (["or", NO, NO, NO], False),
        (["or", NO, NO, YES], True),
        (["or", YES, NO, NO], True),
        (["not", YES], False),
        (["not", NO], True),
    ],
)
def test_connectives_of_any_number(condition: Condition, expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize(
    ("condition", "line", "expected"),
    [
        (is_("CommandLine", "equals", "a b"), "A b", True),
        (is_("CommandLine", "equals", "a b"), "a b c", False),
        (is_("CommandLine", "equals", "a", "a b"), "a B", True),
        (is_("CommandLine", "equals", "a", "b"), "a b", False),
        (is_("CommandLine", "equals", "A", "B", cased=True), "B", True),
        (is_("CommandLine", "equals", "A", "B", cased=True), "b", False),
        (is_("CommandLine", "contains", "B", cased=True), "a B c", True),
        (is_("CommandLine", "contains", "B", cased=True), "a b c", False),
        (is_("CommandLine", "contains", "x", "b"), "a B c", True),
        (is_("CommandLine", "contains", "x", "y"), "a B c", False),
        (is_("CommandLine", "startswith", "x", "a"), "A b", True),
        (is_("CommandLine", "startswith", "b"), "a b", False),
        (is_("CommandLine", "endswith", "x", "b"), "a B", True),
        (is_("CommandLine", "endswith", "a"), "a b", False),
        (is_("process.args", "equals", "b"), "a B", True),
        (is_("process.args", "equals", "a b"), "a b", False),
        (is_("process.args", "equals", "b", cased=True), "a B", False),
        (is_("process.args", "equals", "B", cased=True), "a B", True),
        (is_("process.args", "contains", "c"), "a bcd", True),
        (is_("process.args", "startswith", "b"), "a bcd", True),
        (is_("process.args", "startswith", "c"), "a bcd", False),
        (is_("process.args", "endswith", "d"), "a bcd", True),
        (["like", "CommandLine", False, ["a", "c"]], "A b C", True),
        (["like", "CommandLine", True, ["a", "c"]], "A b C", False),
        (["like", "process.args", False, ["b", "d"]], "a BcD", True),
        (["re", "CommandLine", "^A", "i"], "a", True),
        (["re", "CommandLine", "^A", ""], "a", False),
        (["re", "process.args", "^b$", ""], "a b", True),
        (["re", "process.args", "^b$", ""], "a bb", False),
        (["cidr", "a1", ["10.0.0.0/8"]], "nc 10.1.2.3", True),
        (["cidr", "a1", ["10.0.0.0/8"]], "nc 11.1.2.3", False),
        (["cidr", "process.args", ["10.0.0.0/8"]], "nc -v 10.1.2.3", True),
        (["exists", "process.args"], "a", True),
        (["exists", "a1"], "a b", True),
        (["exists", "a1"], "a", False),
        (["empty", "a1"], "a ", True),
        (["empty", "a1"], "a b", False),
        (["empty", "a1"], "a", False),
        (["empty", "process.args"], "a  b", True),
        (["empty", "process.args"], "a b", False),
        (["compare", "process.pid", "lt", 8], "a", True),
        (["compare", "process.pid", "lt", 7], "a", False),
        (["compare", "process.pid", "lte", 7], "a", True),
        (["compare", "process.pid", "lte", 6], "a", False),
        (["compare", "process.pid", "gt", 6], "a", True),
        (["compare", "process.pid", "gt", 7], "a", False),
        (["compare", "process.pid", "gte", 7], "a", True),
        (["compare", "process.pid", "gte", 8], "a", False),
        (["compare", "a1", "gt", 4], "sleep 4.5", True),
        (["compare", "a1", "gt", 4], "sleep 4.0", False),
        (["compare", "a1", "gt", -1], "sleep long", False),
        (["compare", "a1", "gt", -1], "sleep", False),
        (["field", "a1", "equals", "a2"], "x y Y", True),
        (["field", "a1", "equals", "a2"], "x y yy", False),
        (["field", "a1", "startswith", "a2"], "x yz y", True),
        (["field", "a1", "startswith", "a2"], "x y yz", False),
        (["field", "a1", "endswith", "a2"], "x yz z", True),
        (["field", "a1", "endswith", "a2"], "x yz y", False),
        (["field", "a1", "contains", "a2"], "x xyz y", True),
        (["field", "a1", "contains", "a2"], "x y xyz", False),
        (["field", "process.args", "equals", "CommandLine"], "x", True),
        (["field", "process.args", "equals", "CommandLine"], "x y", False),
        (["field", "a1", "equals", "process.args"], "x y", True),
        (["field", "a1", "equals", "a2"], "x", False),
        (["field", "a1", "contains", "a2"], "x y", False),
        (["field", "a2", "equals", "a1"], "x y", False),
    ],
)
def test_a_leaf(condition: Condition, line: str, expected: bool) -> None:
    assert holds(condition, line) is expected


@pytest.mark.parametrize(
    "condition",
    [
        ["exists", "process.args"],
        ["empty", "process.args"],
        ["empty", "CommandLine"],
        ["re", "CommandLine", "", ""],
        ["re", "process.args", "", ""],
        ["compare", "CommandLine", "lte", 10**9],
        ["field", "process.args", "equals", "process.args"],
        ["field", "CommandLine", "equals", "CommandLine"],
    ],
)
def test_an_absent_field_has_nothing(condition: Condition) -> None:
    assert holds(condition, args=None) is False


def nested(operator: str, depth: int) -> Condition:
    condition: Condition = YES
    for _ in range(depth):
        condition = [operator, condition]
    return condition


@pytest.mark.parametrize("operator", ["and", "or", "not"])
def test_conditions_may_be_so_deep_and_no_deeper(operator: str) -> None:
    assert holds(nested(operator, DEEPEST)) is (operator != "not" or DEEPEST % 2 == 0)
    with pytest.raises(MalformedRules, match=f"^a condition is deeper than {DEEPEST}$"):
        predicate(nested(operator, DEEPEST + 1), {})


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (["exists", "Nothing"], "a condition: KeyError: 'Nothing'"),
        (["not"], "a condition: IndexError: list index out of range"),
        (["not", ["nor", 1]], "a condition: KeyError: 'nor'"),
        (is_("Image", "resembles", "a"), "no way to compare texts: resembles"),
        (["field", "a1", "resembles", "a2"], "a condition: KeyError: 'resembles'"),
        (["compare", "a1", "eq", 1], "a condition: KeyError: 'eq'"),
        (["exists", "x" * 1000], ("a condition: KeyError: '" + "x" * 1000)[:200]),
    ],
)
def test_what_cannot_be_loaded_says_why_in_a_line(condition: list[Any], why: str) -> None:
    with pytest.raises(MalformedRules) as told:
        predicate(condition, {})
    assert str(told.value) == why
