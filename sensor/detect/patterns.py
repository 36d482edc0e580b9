"""Patterns with `*`, and regular expressions: both take a time that grows with the text only (docs/adr/0050)."""

from collections.abc import Callable, Sequence

from sensor.detect.compact import MalformedRules

MOST_STEPS = 4_000_000
"""Instructions times characters that one search may take, about 60 ms: a large expression sees the beginning of a long
text only. One of up to 122 instructions sees all of any command line."""

MOST_MEMORY = 1024 * 1024
"""Bytes that RE2 may use for one expression, its automaton included; beyond it searches slower, never longer."""


def like_test(parts: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is the parts in their order with anything between them.

    The leftmost place of each part leaves most to those after it, so that nothing is ever tried twice.
    """
    first, *middle, last = parts

    def like(text: str) -> bool:
        if not text.startswith(first):
            return False
        at = len(first)
        for part in middle:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return len(text) - at >= len(last) and text.endswith(last)

    return like


def expression(pattern: str, flags: str) -> Callable[[str], bool]:
    """Whether the expression is found in a text. Raises `MalformedRules` for what RE2 does not know.

    RE2 is imported by the first rule that needs it: 2.4 MB.
    """
    import re2

    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        compiled = re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise MalformedRules(f"regular expression {pattern[:80]!r}: {_words(error)}") from error
    search, longest = compiled.search, MOST_STEPS // max(1, compiled.programsize)
    return lambda text: search(text[:longest].encode("utf-8", "replace")) is not None


def _words(error: Exception) -> str:
    """What is wrong; RE2 says it in bytes."""
    said = error.args[0]
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
