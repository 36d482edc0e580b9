"""What is wrong with a setting."""

from typing import NamedTuple


class Problem(NamedTuple):
    """The setting, by its name in `settings`, and what is wrong with it."""

    name: str
    text: str
