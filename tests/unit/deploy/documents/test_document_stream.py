"""Texts with several documents."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.documents.errors import MalformedDocument
from deploy.documents.stream import Stream


def documents(text: str) -> list[Any]:
    return [part.data for part in Stream(text.encode()).parts if part.data is not None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\n", [{"a": 1}]),
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("---\na: 1\n...\n# between\n--- # why\nb: 2", [{"a": 1}, {"b": 2}]),
        ("%YAML 1.2\n---\na: 1\n", [{"a": 1}]),
        ("--- {a: 1}\n---\t\n[b]\n", [{"a": 1}, ["b"]]),
        ("a: |\n  ---\n  b\n---b: 1\n", [{"a": "---\nb\n", "---b": 1}]),
        ("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n---\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ("{a: 1}\n", [{"a": 1}]),
        ("# nothing\n---\n\n---\n", []),
        ("", []),
    ],
)
def test_where_documents_begin_and_end(text: str, found: list[Any]) -> None:
    assert documents(text) == found
    assert Stream(text.encode()).text() == text


def test_only_what_is_changed_is_written_anew() -> None:
    text = "\ufeffa:   1 # odd\n---\nb:   2 # odd\n--- # last\nc:   3 # odd\n"
    stream = Stream(text.encode())
    stream.parts[1].data["new"] = True
    stream.parts[1].changed = True
    assert stream.text() == text.replace("2 # odd\n", "2 # odd\nnew: true\n")


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\n---\nb: [\n", 3), ("a: 1\n--- # x\n\n\nb: {]\n", 5), ('{"a": 1}\n\n{"b": 1, "b": 2}', 3)]
)
def test_the_line_of_an_error_is_that_in_the_whole_text(text: str, line: int) -> None:
    with pytest.raises(MalformedDocument) as caught:
        Stream(text.encode())
    assert caught.value.line == line


@given(st.lists(st.sampled_from(["---", "--- x", "...", "a: 1", "- b", "# c", "", "%D", "{", "}", '"', "|", "\t"])))
def test_whatever_it_is_comes_back_or_is_malformed(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        stream = Stream(text.encode())
    except MalformedDocument:
        return
    assert stream.text() == text
