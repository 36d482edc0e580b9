"""What an event must at least have for a condition to hold: cheap to look up, and so the key of the index.

A guard is a list of alternatives, one of which holds whenever the condition does. It may hold when the condition does
not, and never the other way round.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sensor.detect import forms as form
from sensor.detect.compact import Condition
from sensor.detect.fields import AUDIT_ARGS, CANONICAL, FIELDS, TEXTS

PATHS = frozenset({"Image", "exe", "process.exe", "TargetFilename", "file.path"})
"""Fields whose last part is worth an index of its own."""

IN_TEXTS = frozenset(CANONICAL[name] for part in TEXTS.values() for name in part) | {
    f"a{number}" for number in range(AUDIT_ARGS)
}
"""Fields that stand in the texts for keywords: one search there serves them all."""

COMMON = frozenset(
    {"type", "kind", "nametype", "SYSCALL", "syscall", "User", "Initiated", "Protocol", "LogonId", "uid"}
)
"""Fields whose few values most events share: they narrow nothing."""

LONGEST = 64
"""Characters of a text that are looked for; what contains all of it contains its beginning."""

SHORT = 4
"""Texts shorter than this are found in too many others."""


class Alternative(NamedTuple):
    """The text of a form is this one (`exact`), or contains it. Texts are in lower case."""

    field: str
    form: str
    exact: bool
    text: str


Guard = tuple[Alternative, ...]


def guard_of(condition: Condition) -> Guard | None:
    """The cheapest guard of a condition; None where it has none."""
    operator, *rest = condition
    if operator == "and":
        return min((g for g in map(guard_of, rest) if g is not None), key=_cost, default=None)
    if operator == "or":
        guards = [guard_of(part) for part in rest]
        return None if None in guards else tuple(dict.fromkeys(a for guard in guards if guard for a in guard))
    if operator == "is":
        field, how, _, texts = rest
        return tuple(_alternative(field, how, text.lower()) for text in texts)
    if operator == "like":
        return _containing(rest[0], max((part.lower() for part in rest[2]), key=len))
    return None


def _alternative(field: str, how: str, text: str) -> Alternative:
    if field in PATHS and "/" in text and how in ("equals", "endswith"):
        return Alternative(field, form.BASE, True, text[text.rfind("/") + 1 :])
    if field == "ParentImage" and "/" in text and how in ("equals", "endswith"):
        return Alternative("process.parent_name", form.LOWER, True, text[text.rfind("/") + 1 :])
    if how == "equals":
        return Alternative(field, form.LOWER, True, text)
    return _containing(field, text)[0]


def _containing(field: str, text: str) -> Guard:
    if CANONICAL[field] in IN_TEXTS:
        return (Alternative(form.KEYWORDS, form.LOWER, False, text[:LONGEST]),)
    return (Alternative(field, form.JOINED if FIELDS[field].several else form.LOWER, False, text[:LONGEST]),)


def _cost(guard: Iterable[Alternative]) -> float:
    """What looking at it takes, and how often it will be in vain; an exact one is found by its hash."""
    return sum(map(_cost_of, guard))


def _cost_of(alternative: Alternative) -> float:
    if alternative.exact:
        return 50.0 if alternative.field in COMMON else 0.01
    return 21.0 if len(alternative.text) < SHORT else 1.0
