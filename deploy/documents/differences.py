"""What differs between two long sequences that are mostly the same, in a time that grows with their length.

`SequenceMatcher` alone compares every unit with every other that is equal, and a document is full of equal ones: half a
megabyte of JSON took it minutes. So it is asked only about the places that differ.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Opcode = tuple[str, int, int, int, int]
"""As `SequenceMatcher` has them: what is done, and the ranges in the first and in the second sequence."""

RUN = 16
"""So many equal units in a row are taken for a place where both go on together."""
REACH = 256
"""How far such a run is looked for at first."""


def opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """How `after` is made of `before`; what is equal and what is not take turns."""
    found: list[Opcode] = []
    for one in _opcodes(before, after):
        if found and one[0] == found[-1][0] == "equal":
            found[-1] = ("equal", found[-1][1], one[2], found[-1][3], one[4])
        else:
            found.append(one)
    return found


def _opcodes(before: Sequence[str], after: Sequence[str]) -> Iterator[Opcode]:
    here, there = 0, 0
    while True:
        start, first = here, there
        while here < len(before) and there < len(after) and before[here] == after[there]:
            here, there = here + 1, there + 1
        if here > start:
            yield "equal", start, here, first, there
        if here == len(before) and there == len(after):
            return
        end, last = _meet(before, after, here, there)
        matcher = SequenceMatcher(None, before[here:end], after[there:last], autojunk=False)
        for what, start, stop, first, until in matcher.get_opcodes():
            yield what, start + here, stop + here, first + there, until + there
        here, there = end, last


def _meet(before: Sequence[str], after: Sequence[str], here: int, there: int) -> tuple[int, int]:
    """Where both go on together behind a place that differs: the nearest such, else both ends."""
    reach = REACH
    while True:
        found = _nearest(before, after, range(here, min(here + reach, len(before))), range(there, there + reach))
        if found is not None:
            return found
        if reach >= max(len(before) - here, len(after) - there):
            return len(before), len(after)
        reach *= 4


def _nearest(before: Sequence[str], after: Sequence[str], left: range, right: range) -> tuple[int, int] | None:
    runs: dict[tuple[str, ...], int] = {}
    for index in range(right.start, min(right.stop, len(after))):
        runs.setdefault(tuple(after[index : index + RUN]), index)
    found, distance = None, len(left) + len(right) + 1
    for index in left:
        skipped = index - left.start
        if skipped >= distance:
            break
        match = runs.get(tuple(before[index : index + RUN]))
        if match is not None and skipped + match - right.start < distance:
            found, distance = (index, match), skipped + match - right.start
    return found
