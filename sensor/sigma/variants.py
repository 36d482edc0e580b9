"""What is left of a condition for each kind of event, once what that kind cannot have is taken out.

A field of ours that a kind does not have is absent there, and its tests are false. A field that is none of ours might
have had any value: where a test of it would only have *added* matches it is taken out and named (`without`); where it
would have taken matches away (a filter, under `not`) the rule would cry wolf, and is not run at all.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgpack

from sensor.detect.compact import Condition, Variant
from sensor.detect.conditions import predicate
from sensor.detect.facts import Facts, Form
from sensor.detect.fields import FIELDS, IN_KIND, KIND_ONLY
from sensor.model.events import Event, Evidence, Timestamp
from sensor.model.kinds import Kind
from sensor.sigma.expressions import NotHere, joined

ALWAYS, NEVER = ["true"], ["false"]


def variants(condition: Condition, kinds: Iterable[Kind]) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """The variants of a condition, and the fields that were taken out. Raises `NotHere` where nothing is left."""
    unknown: dict[str, None] = {}
    by_condition: dict[bytes, list[str]] = defaultdict(list)
    for kind in sorted(kinds):
        left = _left(condition, kind, unknown, negated=False)
        if left == ALWAYS:
            raise NotHere("it matches every event")
        if left != NEVER:
            by_condition[msgpack.packb(left)].append(str(kind))
    if not by_condition:
        fields = ", ".join(unknown)
        raise NotHere(f"no event here has {fields}" if fields else "no kind of event here has all that it asks for")
    made = (Variant(tuple(names), msgpack.unpackb(packed)) for packed, names in by_condition.items())
    return tuple(made), tuple(unknown)


def _left(condition: Condition, kind: Kind, unknown: dict[str, None], *, negated: bool) -> Condition:
    operator, *rest = condition
    if operator in ("and", "or"):
        return _connective(operator, [_left(part, kind, unknown, negated=negated) for part in rest])
    if operator == "not":
        inner = _left(rest[0], kind, unknown, negated=not negated)
        return NEVER if inner == ALWAYS else ALWAYS if inner == NEVER else ["not", inner]
    fields = [rest[0], rest[2]] if operator == "field" else [rest[0]]
    for field in fields:
        if field not in FIELDS:
            if negated:
                raise NotHere(f"no event here has {field}, and the rule leaves out what has it")
            unknown[field] = None
    if not all(field in FIELDS and kind in FIELDS[field].kinds for field in fields):
        return NEVER
    return _decided(condition, kind) if rest[0] in KIND_ONLY and operator != "field" else _in_kind(condition, kind)


def _decided(condition: Condition, kind: Kind) -> Condition:
    """What the kind alone decides is decided now."""
    forms: dict[str, Form] = {}
    test = predicate(condition, forms)
    return ALWAYS if test(Facts(Event(kind, Timestamp(0), Evidence("")), forms)) else NEVER


def _in_kind(condition: Condition, kind: Kind) -> Condition:
    operator, field, *rest = condition
    return [operator, IN_KIND.get(kind, {}).get(field, field), *rest]


def _connective(operator: str, parts: list[Condition]) -> Condition:
    decided, neutral = (NEVER, ALWAYS) if operator == "and" else (ALWAYS, NEVER)
    if decided in parts:
        return decided
    kept = [part for part in parts if part != neutral]
    return joined(operator, kept) if kept else neutral
