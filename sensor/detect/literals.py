"""Which of many texts stand in another: one pass over it, however many they are (docs/adr/0050)."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

Finder = Callable[[str], Iterable[int]]
"""From a text to the numbers of those that stand in it."""

Match = Callable[[str], list[int] | None]

REMEMBERED, SHORT = 128, 512
"""Texts of which it is remembered what stands in them, and their characters at most: most events come from few
programs, started in the same ways."""

FEW = 6
"""So many are looked for one by one."""
LEAST_MEMORY = 1024 * 1024
MEMORY_A_BYTE = 128
"""Bytes that RE2 may use. Its automaton forgets states when they are full; `Compile` makes sure that there is room for
some, without which `Match` would find nothing and say nothing (re2/compile.cc, CompileSet)."""


def finder(texts: Sequence[str]) -> Finder:
    """What finds them. RE2 refuses a set that is too large for its memory; then they are looked for one by one."""

    def one_by_one(text: str) -> list[int]:
        return [number for number, part in enumerate(texts) if part in text]

    match = _together(texts) if len(texts) > FEW else None
    if match is None:
        return one_by_one

    def together(text: str) -> Sequence[int]:
        try:
            return match(text) or ()
        except UnicodeEncodeError:  # a lone surrogate
            return one_by_one(text)

    remembering = lru_cache(REMEMBERED)(together)
    return lambda text: remembering(text) if len(text) <= SHORT else together(text)


def _together(texts: Sequence[str]) -> Match | None:
    import re2

    options = re2.Options()
    options.literal = options.never_capture = True
    options.log_errors = False
    options.max_mem = LEAST_MEMORY + MEMORY_A_BYTE * sum(len(text.encode("utf-8", "replace")) for text in texts)
    found = re2.Set.SearchSet(options)
    try:
        for text in texts:
            found.Add(text)
        found.Compile()
    except (re2.error, UnicodeEncodeError):
        return None
    match: Match = found.Match
    return match
