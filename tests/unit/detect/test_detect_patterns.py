"""Patterns with `*` and regular expressions, as the texts of events meet them."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detect import patterns
from sensor.detect.compact import MalformedRules
from sensor.detect.patterns import expression, like_test


@pytest.mark.parametrize(
    ("parts", "text", "expected"),
    [
        (["", ""], "", True),
        (["ab", ""], "ab", True),
        (["ab", ""], "xab", False),
        (["", "ab"], "xab", True),
        (["ab", "ba"], "aba", False),
        (["ab", "ba"], "abba", True),
        (["a", "b", "c"], "abc", True),
        (["a", "b", "c"], "acb", False),
        (["a", "bb", "bb", ""], "abbb", False),
        (["a", "bb", "bb", ""], "abbbb", True),
        (["a", "bc", "c"], "abc", False),
        (["a", "a", ""], "a", False),
    ],
)
def test_parts_stand_in_their_order_and_share_nothing(parts: list[str], text: str, expected: bool) -> None:
    assert like_test(parts)(text) is expected


@given(st.lists(st.text("ab", max_size=2), min_size=2, max_size=5), st.text("ab", max_size=12))
def test_parts_match_as_an_expression_of_them_does(parts: list[str], text: str) -> None:
    assert like_test(parts)(text) is bool(re.fullmatch(".*".join(parts), text))


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "expected"),
    [
        ("B", "", "abc", False),
        ("B", "i", "abc", True),
        ("^b", "", "a\nb", False),
        ("^b", "m", "a\nb", True),
        ("a.b", "", "a\nb", False),
        ("a.b", "s", "a\nb", True),
        ("a.b", "is", "A\nB", True),
        ("^(a|b)+$", "", "abab", True),
        ("ü", "", "müll", True),
        ("^x.x$", "", "x\ud800x", True),
    ],
)
def test_an_expression_is_found_as_its_flags_say(pattern: str, flags: str, text: str, expected: bool) -> None:
    assert expression(pattern, flags)(text) is expected


def test_a_large_expression_sees_the_beginning_of_a_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, beginning = expression("x$", ""), "a" * 100_000 + "x"
    assert whole(beginning)

    monkeypatch.setattr(patterns, "MOST_STEPS", 1_000)
    bounded = expression("x", "")
    assert bounded("a" * 10 + "x")
    assert not bounded(beginning)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=x)", r"regular expression '(?=x)': invalid perl operator: (?="),
        ("x" * 100 + "(", f"regular expression '{'x' * 80}': missing ): {'x' * 100}("),
        ("a\ud800", r"regular expression 'a\ud800': 'utf-8' codec can't encode character '\ud800' in position 1"),
    ],
)
def test_an_expression_that_re2_does_not_know_is_refused_with_its_words(pattern: str, why: str) -> None:
    with pytest.raises(MalformedRules, match=f"^{re.escape(why)}"):
        expression(pattern, "")


def test_an_expression_that_is_refused_says_so_once(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MalformedRules):
        expression("(", "")
    assert capfd.readouterr() == ("", "")


def test_an_expression_takes_no_more_memory_than_it_may() -> None:
    with pytest.raises(MalformedRules, match="pattern too large"):
        expression("|".join(f"({letter}y){{900}}" for letter in string.ascii_letters), "")
