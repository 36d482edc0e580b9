"""Text for a terminal: nothing in it moves the cursor, changes colours, reverses the line or starts a new one.

`printable` sees to that: controls, bidi marks and separators become escapes such as `\\x1b`.
"""

import unicodedata
from typing import NamedTuple

from sensor.telemetry.log import printable

PLAIN = ""
DIM = "2"
RED = "1;31"
YELLOW = "33"
CYAN = "36"


class Piece(NamedTuple):
    """Text with the style (SGR parameters, ECMA-48 8.3.117) that it is shown in where colours are wanted."""

    text: str
    style: str = PLAIN


def line(pieces: list[Piece], width: int, colour: bool) -> str:
    """The pieces in one line of at most `width` columns, made safe; what does not fit ends in an ellipsis."""
    shown = []
    room = width
    for piece in pieces:
        text = _cut(printable(piece.text), room)
        room -= columns(text)
        shown.append(f"\x1b[{piece.style}m{text}\x1b[0m" if colour and piece.style and text else text)
    return "".join(shown).rstrip()


def padded(text: str, width: int) -> str:
    """The text made safe, in exactly `width` columns and a space."""
    text = _cut(printable(text), width)
    return text + " " * (width - columns(text) + 1)


def columns(text: str) -> int:
    """The columns that a terminal needs for it."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, room: int) -> str:
    if columns(text) <= room:
        return text
    kept = ""
    for character in text:
        if columns(kept) + _columns(character) >= room:
            break
        kept += character
    return kept + "…" if room > 0 else ""
