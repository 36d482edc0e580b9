"""Whether a condition that holds of an event would hold whatever was not read of it (docs/adr/0106).

A test of an unread field is unknown, and so is `not` of it; `unknown or true` is true, `unknown and false` is false
(Kleene's logic). `sensor.detect.conditions` takes what is unread for absent, and a condition cannot be true by that
unless something is under `not`. So it answers first, as if there were nothing unread, and only what it finds is asked
again here: an event that matches nothing, and a rule that negates nothing, cost nothing.
"""

from sensor.detect.compact import Condition
from sensor.detect.conditions import CONNECTIVES, Forms, Test, negation, predicate
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
    return _bound(condition, forms, surely=True)


def _bound(condition: Condition, forms: Forms, *, surely: bool) -> Test:
    """True where the condition is true, false where it is false; where it is unknown it is not `surely` so, and else
    it is possible."""
    operator, *rest = condition
    if operator in CONNECTIVES:
        return CONNECTIVES[operator]([_bound(part, forms, surely=surely) for part in rest])
    if operator == "not":
        return negation(_bound(rest[0], forms, surely=not surely))
    test = predicate(condition, forms)
    unread = () if surely else [one for field in _fields(condition) if (one := unread_test(forms, field)) is not None]
    return CONNECTIVES["or"]([test, *unread]) if unread else test


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
