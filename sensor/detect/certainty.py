"""Whether a condition that holds of an event would hold whatever was not read of it (docs/adr/0106).

A test of an unread field is unknown, and so is `not` of it; `unknown or true` is true, `unknown and false` is false
(Kleene's logic). `sensor.detect.conditions` takes what is unread for absent, and a condition cannot be true by that
unless something is under `not`. So it answers first, as if there were nothing unread, and only what it finds is asked
again here: an event that matches nothing, and a rule that negates nothing, cost nothing.
"""

from sensor.detect.compact import Condition
from sensor.detect.conditions import CONNECTIVES, Forms, Test, predicate
from sensor.detect.unread import sources_of, unread_test


def certainty(condition: Condition, forms: Forms) -> Test | None:
    """For events of which the condition holds: whether it does in any case. None where that is certain.

    `forms` learns the forms it will ask for. The condition is one that `predicate` has taken.
    """
    if not _doubtful(condition, negated=False):
        return None
    operator, *rest = condition
    if operator == "and":  # each part holds, so only those are asked that may be in doubt
        doubtful = [test for part in rest if (test := certainty(part, forms)) is not None]
        return doubtful[0] if len(doubtful) == 1 else CONNECTIVES[operator](doubtful)
    return _surely(condition, forms)


def _surely(condition: Condition, forms: Forms) -> Test:
    """True where the condition is true, false where it is false or unknown."""
    operator, *rest = condition
    if operator in CONNECTIVES:
        return CONNECTIVES[operator]([_surely(part, forms) for part in rest])
    if operator == "not":
        possibly = _possibly(rest[0], forms)
        return lambda facts: not possibly(facts)
    return predicate(condition, forms)


def _possibly(condition: Condition, forms: Forms) -> Test:
    """True where the condition is true or unknown, false where it is false."""
    operator, *rest = condition
    if operator in CONNECTIVES:
        return CONNECTIVES[operator]([_possibly(part, forms) for part in rest])
    if operator == "not":
        surely = _surely(rest[0], forms)
        return lambda facts: not surely(facts)
    unread = [test for field in _fields(condition) if (test := unread_test(forms, field)) is not None]
    return CONNECTIVES["or"]([predicate(condition, forms), *unread]) if unread else predicate(condition, forms)


def _doubtful(condition: Condition, *, negated: bool) -> bool:
    """Whether a field that may be unread stands under `not`."""
    operator, *rest = condition
    if operator in CONNECTIVES:
        return any(_doubtful(part, negated=negated) for part in rest)
    if operator == "not":
        return _doubtful(rest[0], negated=True)
    return negated and any(map(sources_of, _fields(condition)))


def _fields(leaf: Condition) -> list[str]:
    return [leaf[1], leaf[3]] if leaf[0] == "field" else [leaf[1]]
