"""Whatever a workload writes, a line stays a line, within its width."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.watch.text import CYAN, Piece, columns, line, padded


@given(st.lists(st.text(), max_size=4), st.integers(min_value=1, max_value=60))
def test_any_text_is_one_printable_line_of_at_most_the_width(texts: list[str], width: int) -> None:
    shown = line([Piece(text) for text in texts], width, colour=False)
    assert shown.isprintable()
    assert columns(shown) <= width


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_padding_fills_the_column_exactly(text: str, width: int) -> None:
    assert columns(padded(text, width)) == width + 1


def test_terminal_escapes_and_bidi_marks_become_visible() -> None:
    hostile = "a\x1b[31mb\x9b2Jc\rd\u202eexe.txt\u2066\u2028e"
    assert line([Piece(hostile)], 99, colour=True) == r"a\x1b[31mb\x9b2Jc\rd\u202eexe.txt\u2066\u2028e"


def test_colour_surrounds_the_text_and_takes_no_room() -> None:
    assert line([Piece("web", CYAN), Piece(" ran")], 7, colour=True) == "\x1b[36mweb\x1b[0m ran"


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    assert line([Piece("abcdef")], 4, colour=False) == "abc…"
    assert line([Piece("abcd"), Piece("ef")], 4, colour=False) == "abcd"


def test_wide_and_combining_characters_are_measured_as_terminals_show_them() -> None:
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
    assert line([Piece("日本語")], 5, colour=False) == "日本…"
