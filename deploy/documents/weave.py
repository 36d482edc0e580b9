"""Puts a change into a text whose author wrote it in another manner than our writers do.

`before` is how the writer spells the unchanged document, `after` how it spells the changed one. Both are split into
units, lines or tokens; what differs between them is carried over to the units of the original, so that all the rest
stays as its author wrote it.
"""

from collections.abc import Callable, Iterable, Sequence

from deploy.documents.differences import Opcode, opcodes


def weave(
    original: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    stays: Callable[[str], bool] | None = None,
    blocks: Iterable[range] = (),
    fitted: Callable[[Sequence[str], int], Sequence[str]] | None = None,
) -> str | None:
    """The original with the change, None where its units are not those of `before` one by one.

    What `stays` holds for, a comment or an empty line, belongs to what follows it: it is never taken away at the end
    of what is removed, and what is put in goes in front of it. `blocks` are units that the original has only together:
    where one of them is changed, the others become our writer's. `fitted` makes of units what is put in at an index of
    `before`; as they are where it is None.
    """
    if len(original) != len(before):
        return None
    woven: list[str] = []
    stays = stays or _nothing
    found = _lowest(before, after)
    original = _parted(original, before, blocks, found)
    for what, start, end, first, last in found:
        if what == "equal":
            woven += original[start:end]
            continue
        new = fitted(after[first:last], start) if fitted is not None else after[first:last]
        if what == "insert":
            kept = _pop_trailing(woven, stays)
            woven += [*new, *kept]
        else:
            tail = end
            while tail > start and stays(before[tail - 1]):
                tail -= 1
            replaced = what == "replace" and stays(after[last - 1])
            woven += [*new, *([] if replaced else original[tail:end])]
    return "".join(woven)


def _parted(
    original: Sequence[str], before: Sequence[str], blocks: Iterable[range], found: Iterable[Opcode]
) -> Sequence[str]:
    """The original with each block in our writer's units that is not left whole."""
    parted = list(original)
    changed = [(start, end) for what, start, end, _, _ in found if what != "equal"]
    for block in blocks:
        if any(start < block.stop and end > block.start for start, end in changed):
            parted[block.start : block.stop] = before[block.start : block.stop]
    return parted


def _lowest(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """What differs, each insertion and deletion as far down as it can be said to be.

    `[1]` becomes `[1, [2]]` by `[2]` behind the `1` or by ` [2` in front of a bracket; the first is what was meant, and
    what a deletion then takes away again.
    """
    found = opcodes(before, after)
    lowest: list[Opcode] = []
    down = 0
    for index, (what, start, end, first, last) in enumerate(found):
        if what == "equal":
            lowest.append((what, start + down, end, first + down, last))
            down = 0
            continue
        follows = found[index + 1] if index + 1 < len(found) else None
        units, upper, lower = (after, first, last) if what == "insert" else (before, start, end)
        room = follows[2] - follows[1] if follows is not None and what != "replace" else 0
        while down < room and units[upper + down] == units[lower + down]:
            down += 1
        lowest += [("equal", start, start + down, first, first + down)] if down else []
        lowest.append((what, start + down, end + down, first + down, last + down))
    return lowest


def _nothing(_: str) -> bool:
    return False


def _pop_trailing(units: list[str], stays: Callable[[str], bool]) -> list[str]:
    kept: list[str] = []
    while units and stays(units[-1]):
        kept.insert(0, units.pop())
    return kept
