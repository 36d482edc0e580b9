"""Which lines of an author's text are which lines of the same document as our writer spells it."""

from collections.abc import Sequence
from typing import NamedTuple

from deploy.documents.differences import opcodes


class Aligned(NamedTuple):
    """The author's text by our writer's lines. `pieces` has as many as these; all of them together are the text.

    `blocks` are ranges of lines whose text stands in the first of them, since it cannot be told apart any further: a
    text that goes on over several lines, which our writer puts on one.
    """

    pieces: list[str]
    blocks: list[range]


def fitted(lines: Sequence[str], at: int, pieces: Sequence[str], before: Sequence[str]) -> list[str]:
    """Lines of our writer's as they are put in at an index of `before`: where the author indents what is above them
    more or less than our writer does, so are they."""
    moved: list[str] = []
    depth, shift = 1 << 20, 0
    for line in lines:
        if line.strip() and _depth(line) < depth:
            depth = _depth(line)
            shift = _shift(depth, at, pieces, before)
        moved.append(" " * max(_depth(line) + shift, 0) + line.lstrip(" ") if line.strip() else line)
    return moved


def _shift(depth: int, at: int, pieces: Sequence[str], before: Sequence[str]) -> int:
    """How much further the author indents the next line above that is as deep, or less."""
    for piece, line in zip(reversed(pieces[:at]), reversed(before[:at]), strict=True):
        if piece.strip() and not line.lstrip().startswith("#") and _depth(line) <= depth:
            return _depth(piece) - _depth(line)
    return 0


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def aligned(original: Sequence[str], before: Sequence[str]) -> Aligned:
    """Lines go together that are equal but for white space, and what is left between them as it comes."""
    pieces: list[str] = []
    blocks: list[range] = []
    lead = ""
    for _, start, end, first, last in opcodes(_bare(original), _bare(before)):
        if end - start == last - first:
            pieces += original[start:end]
            continue
        if last == 0:
            lead = "".join(original[:end])
            continue
        joined = range(max(first - 1, 0), last) if start == end or first == last else range(first, last)
        kept = pieces[joined.start :]
        pieces[joined.start :] = ["".join([*kept, *original[start:end]]), *[""] * (len(joined) - 1)]
        blocks.append(joined)
    pieces[:1] = [lead + piece for piece in pieces[:1]]
    return Aligned(pieces, blocks)


def _bare(lines: Sequence[str]) -> list[str]:
    return ["".join(line.split()) for line in lines]
