"""What injection says besides the document: warnings of what changes for the app, notes of what was decided."""

from typing import NamedTuple


class Told(NamedTuple):
    """One line. `level` is `warning` or `note`."""

    level: str
    text: str


def warning(text: str) -> Told:
    """Something that may work otherwise than before, or not at all."""
    return Told("warning", text)


def note(text: str) -> Told:
    """Something that was decided and could be decided otherwise."""
    return Told("note", text)
