"""What differs between two texts: right for any two, and quick where little of much differs."""

import json
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.documents.differences import opcodes
from deploy.documents.json_text import JsonText

UNITS = st.lists(st.sampled_from("abc"), max_size=60)


@given(UNITS, UNITS)
def test_what_differs_makes_one_of_the_other(before: Sequence[str], after: Sequence[str]) -> None:
    made: list[str] = []
    here, there, equal = 0, 0, None
    for what, start, end, first, last in opcodes(before, after):
        assert (start, first) == (here, there)
        assert (what == "equal") is not equal, "what is equal and what is not take turns"
        assert (what == "equal") is (before[start:end] == after[first:last])
        made += before[start:end] if what == "equal" else after[first:last]
        here, there, equal = end, last, what == "equal"
    assert made == after
    assert (here, there) == (len(before), len(after))


@pytest.mark.parametrize("length", [3, 3000])
def test_only_what_was_put_in_is_different(length: int) -> None:
    before = ["a", *(str(number) for number in range(40)), "z"]
    new = [f"new {number}" for number in range(length)]
    assert opcodes(before, [*before[:20], *new, *before[20:]]) == [
        ("equal", 0, 20, 0, 20),
        ("insert", 20, 20, 20, 20 + length),
        ("equal", 20, 42, 20 + length, 42 + length),
    ]


def test_changes_far_apart_in_much_that_is_alike_take_no_time() -> None:
    document = JsonText(json.dumps([{"name": "a", "value": {"Ref": "b"}, "list": [1, 2, 3]} for _ in range(8000)]))
    began = time.perf_counter()
    for index in (0, 4000, 7999):
        document.data[index]["new"] = [index, {"x": index}]
    assert json.loads(document.text(document.data)) == document.data
    assert time.perf_counter() - began < 20, "it took minutes where every token was compared with every other"
