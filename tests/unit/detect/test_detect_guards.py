"""The guards by which the index finds rules: what each condition is looked up by, and that none hides a match."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.detect import forms as form
from sensor.detect.compact import Condition
from sensor.detect.conditions import predicate
from sensor.detect.facts import Facts, Form
from sensor.detect.guards import LONGEST, Alternative, Guard, guard_of
from sensor.detect.index import Index
from sensor.model.events import Ancestor, Event, Evidence, Process
from sensor.model.kinds import Kind
from tests.fakes import START


def exact(field: str, text: str, which: str = form.LOWER) -> Alternative:
    return Alternative(field, which, True, text)


def inside(field: str, text: str, which: str = form.LOWER) -> Alternative:
    return Alternative(field, which, False, text)


def leaf(field: str, how: str, *texts: str) -> Condition:
    return ["is", field, how, False, list(texts)]


@pytest.mark.parametrize(
    ("condition", "guard"),
    [
        (leaf("Image", "endswith", "/Bin/NC"), (exact("Image", "nc", form.BASE),)),
        (leaf("User", "equals", "A", "b"), (exact("User", "a"), exact("User", "b"))),
        (leaf("Image", "equals", "/usr/bin/nc"), (exact("Image", "nc", form.BASE),)),
        (leaf("Image", "equals", "nc"), (exact("Image", "nc"),)),
        (leaf("Image", "endswith", "nc"), (inside(form.KEYWORDS, "nc"),)),
        (leaf("Image", "startswith", "/tmp/"), (inside(form.KEYWORDS, "/tmp/"),)),
        (leaf("Image", "contains", "/a/"), (inside(form.KEYWORDS, "/a/"),)),
        (leaf("ParentImage", "endswith", "/bash"), (exact("process.parent_name", "bash"),)),
        (leaf("ParentImage", "equals", "/bin/bash"), (exact("process.parent_name", "bash"),)),
        (leaf("ParentImage", "equals", "bash"), (exact("ParentImage", "bash"),)),
        (leaf("ParentImage", "contains", "/opt/"), (inside("ParentImage", "/opt/"),)),
        (leaf("GrandParentImage", "endswith", "/sh"), (inside("GrandParentImage", "/sh"),)),
        (leaf("CommandLine", "contains", "X" * 100), (inside(form.KEYWORDS, "x" * LONGEST),)),
        (leaf("a1", "startswith", "-X"), (inside(form.KEYWORDS, "-x"),)),
        (leaf("ParentCommandLine", "contains", "X" * 100), (inside("ParentCommandLine", "x" * LONGEST),)),
        (leaf("process.args", "contains", "X"), (inside("process.args", "x", form.JOINED),)),
        (["like", "ParentCommandLine", False, ["z", "LONG", "er"]], (inside("ParentCommandLine", "long"),)),
        (["exists", "Image"], None),
        (["not", leaf("Image", "equals", "nc")], None),
        (["compare", "process.pid", "gt", 5], None),
        (["or", leaf("a0", "equals", "a"), leaf("a0", "equals", "b", "a")], (exact("a0", "a"), exact("a0", "b"))),
        (["or", leaf("Image", "equals", "a"), ["exists", "Image"]], None),
        (["and", ["exists", "Image"], ["exists", "User"]], None),
        (["and", ["exists", "Image"], leaf("Image", "equals", "a")], (exact("Image", "a"),)),
    ],
)  # fmt: skip
def test_what_a_condition_is_looked_up_by(condition: Condition, guard: Guard | None) -> None:
    assert guard_of(condition) == guard


EXACT = leaf("process.exe_name", "equals", *"abcdefgh")
COMMON = leaf("User", "equals", "root")
TEXT = leaf("ParentCommandLine", "contains", "long")
SHORT = leaf("ParentCommandLine", "contains", "abc")


@pytest.mark.parametrize(
    ("cheaper", "dearer"),
    [
        (EXACT, TEXT),
        (TEXT, SHORT),
        (SHORT, COMMON),
        (leaf("ParentCommandLine", "contains", "word", "long"), SHORT),
        (TEXT, leaf("ParentCommandLine", "contains", "word", "long")),
    ],
)
def test_of_several_the_cheapest_is_looked_up(cheaper: Condition, dearer: Condition) -> None:
    assert guard_of(["and", cheaper, dearer]) == guard_of(["and", dearer, cheaper]) == guard_of(cheaper)


SINGLE = ["Image", "ParentImage", "CommandLine", "User", "a1", "CurrentDirectory", "process.parent_name"]
SEVERAL = ["process.args", "process.name", "process.ancestors"]
WORDS = st.text("aB/ ", min_size=1, max_size=4)


def leaves() -> st.SearchStrategy[Any]:
    fields = st.sampled_from(SINGLE + SEVERAL)
    hows = st.sampled_from(["equals", "startswith", "endswith", "contains"])
    texts = st.lists(WORDS.map(str.lower), min_size=1, max_size=2)
    return (
        st.tuples(st.just("is"), fields, hows, st.just(False), texts)
        | st.tuples(st.just("like"), fields, st.just(False), st.lists(WORDS.map(str.lower), min_size=2, max_size=3))
        | st.tuples(st.just("exists"), fields)
    )


def branches(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.tuples(st.sampled_from(["and", "or"]), st.lists(parts, min_size=1, max_size=3))
    return several.map(lambda made: (made[0], *made[1])) | st.tuples(st.just("not"), parts)


@st.composite
def execs(draw: st.DrawFn) -> Event:
    unknown = st.none()
    process = Process(
        "e",
        7,
        exe=draw(WORDS | unknown),
        args=draw(st.lists(WORDS, max_size=3).map(tuple) | unknown),
        user=draw(WORDS | unknown),
        cwd=draw(WORDS | unknown),
        ancestors=tuple(Ancestor("above", 1, exe) for exe in draw(st.lists(WORDS, max_size=2))),
    )
    return Event(Kind.PROCESS_EXEC, START, Evidence("test"), process=process)


@given(st.lists(st.recursive(leaves(), branches, max_leaves=5), min_size=1, max_size=4), execs())
@settings(deadline=None)
def test_the_index_hides_no_rule_from_an_event_that_matches(conditions: list[Any], event: Event) -> None:
    forms: dict[str, Form] = {}
    index: Index[int] = Index(forms, {})
    tests = [predicate(condition, forms) for condition in conditions]
    for number, condition in enumerate(conditions):
        index.add(number, condition)
    index.close()

    met = list(index.candidates(Facts(event, forms)))

    assert len(met) == len(set(met))
    assert {n for n, test in enumerate(tests) if test(Facts(event, forms))} <= set(met)
