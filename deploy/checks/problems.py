"""What is wrong with a file, as data: every other file is checked all the same."""

from typing import NamedTuple


class Problem(NamedTuple):
    """One line about one file; `line` counts from 1, None where it cannot be told."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        """As compilers write it: `file:line: reason`, control characters shown and not sent to the terminal."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return printable(f"{place}: {self.text}")


class Note(Problem):
    """The same, told and no fault of the file."""


class Unreadable(Exception):
    """The text is no document; raised by the decoders, told as a `Problem` where the file's name is known."""

    def __init__(self, line: int | None, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


def printable(text: str) -> str:
    """The text in one line that moves no cursor: names and values come from files that others wrote."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
