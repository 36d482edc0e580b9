"""Holes: places in a text that only the deployment fills, `${...}` and CloudFormation's `{{resolve:...}}`."""

import re
from typing import Any

UNNAMED = "${?}"
"""A hole of which nothing is known: two of them may be filled differently. Others are filled alike by their name."""
EMPTY = "${}"

_HOLE = re.compile(r"\$\{[^}]*\}?|\{\{resolve:[^}]*(?:\}\})?")


def has_hole(value: Any) -> bool:
    """Whether it is a text of which a part is not known."""
    return isinstance(value, str) and _HOLE.search(value) is not None


def is_hole(value: Any) -> bool:
    """Whether it is a text of which nothing is known."""
    return isinstance(value, str) and _HOLE.fullmatch(value) is not None


def emptied(text: str) -> str:
    """The text with `${}` for each of its holes."""
    return _HOLE.sub(EMPTY, text)


def may_be_equal(one: str, other: str) -> bool:
    """Whether two texts can be the same once their holes are filled, by what follows the last hole of each."""
    ends = [emptied(text).rpartition(EMPTY)[2] for text in (one, other)]
    return ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])
