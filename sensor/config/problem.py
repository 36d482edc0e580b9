"""What is wrong with a setting."""

from typing import NamedTuple


class Problem(NamedTuple):
    """The setting, by its name in `settings`, and what is wrong with it; `got` repeats the value where that is fit."""

    name: str
    text: str
    got: str = ""


def got(text: str) -> str:
    """The end of a line that repeats a value."""
    return f", got {ascii(text)[:100]}"
