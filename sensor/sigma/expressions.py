"""From pySigma's condition trees to conditions of the compact form. Fields stay as the rule has them."""

from collections.abc import Iterable
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from sensor.detect.compact import Condition, MalformedRules
from sensor.detect.patterns import expression

KEYWORDS = "*"
_MULTI, _SINGLE = SpecialChars.WILDCARD_MULTI, SpecialChars.WILDCARD_SINGLE
_COMPARE = {
    CompareOperators.LT: "lt",
    CompareOperators.LTE: "lte",
    CompareOperators.GT: "gt",
    CompareOperators.GTE: "gte",
}
_RE_SPECIAL = frozenset(r".*+?^$[](){}\|")


class NotHere(Exception):
    """The rule is sound and can match nothing here; says why."""


def condition_of(node: Any) -> Condition:
    """The condition for a tree of pySigma. Raises `NotHere`."""
    if isinstance(node, ConditionAND):
        return joined("and", [condition_of(part) for part in node.args])
    if isinstance(node, ConditionOR):
        return joined("or", [condition_of(part) for part in node.args])
    if isinstance(node, ConditionNOT):
        return ["not", condition_of(node.args[0])]
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return _value(node.field, node.value)
    if isinstance(node, ConditionValueExpression):
        return _keyword(node.value)
    raise NotHere(f"a condition of the kind {type(node).__name__}")


def joined(operator: str, parts: Iterable[Condition]) -> Condition:
    """The parts under one operator, those of the same operator taken in, and what can be one test made one."""
    flat: list[Condition] = []
    for part in parts:
        flat += part[1:] if part[0] == operator else [part]
    if operator == "or":
        flat = _merged(flat)
    return flat[0] if len(flat) == 1 else [operator, *flat]


def _merged(parts: list[Condition]) -> list[Condition]:
    """Alternatives of texts or networks of one field in one test, in the place of the first of them."""
    merged: dict[Any, Any] = {}
    for number, part in enumerate(parts):
        if part[0] in ("is", "cidr"):
            merged.setdefault(tuple(part[:-1]), {}).update(dict.fromkeys(part[-1]))
        else:
            merged[number] = part
    return [[*key, list(found)] if isinstance(found, dict) else found for key, found in merged.items()]


def _value(field: str, value: SigmaType) -> Condition:
    if isinstance(value, SigmaString):
        return _string(field, value)
    if isinstance(value, SigmaTimestampPart):
        raise NotHere(f"compares a part of a time ({field})")
    if isinstance(value, SigmaExpansion):
        return joined("or", [_value(field, one) for one in value.values])
    if isinstance(value, SigmaNull):
        return ["not", ["exists", field]]
    if isinstance(value, SigmaExists):
        return ["exists", field] if value.exists else ["not", ["exists", field]]
    if isinstance(value, SigmaRegularExpression):
        return _regular(field, value)
    return _plain(field, value)


def _plain(field: str, value: SigmaType) -> Condition:
    """Values that have no parts of their own."""
    if isinstance(value, SigmaNumber):
        return ["is", field, "equals", False, [str(value.number)]]
    if isinstance(value, SigmaBool):
        return ["is", field, "equals", False, ["true" if value.boolean else "false"]]
    if isinstance(value, SigmaCIDRExpression):
        return ["cidr", field, [str(value.network)]]
    if isinstance(value, SigmaCompareExpression):
        if value.op not in _COMPARE:
            return ["not", ["is", field, "equals", False, [str(value.number)]]]
        return ["compare", field, _COMPARE[value.op], value.number.number]
    if isinstance(value, SigmaFieldReference):
        return ["field", field, _reference(value), value.field]
    raise NotHere(f"a value of the kind {type(value).__name__}")


def _reference(value: SigmaFieldReference) -> str:
    if value.starts_with and value.ends_with:
        return "contains"
    return "startswith" if value.starts_with else "endswith" if value.ends_with else "equals"


def _string(field: str, value: SigmaString) -> Condition:
    cased = isinstance(value, SigmaCasedString)
    parts = [_literal(part, cased) for part in value.s]
    if _SINGLE in parts:
        return _checked(field, _as_expression(parts), "s" if cased else "is")
    if _MULTI not in parts:
        text = "".join(map(str, parts))
        return ["is", field, "equals", cased, [text]] if text else ["empty", field]
    pieces = _pieces(parts)
    if not any(pieces):
        return ["exists", field]
    first, *middle, last = pieces
    if not middle and not (first and last):
        return ["is", field, "startswith" if first else "endswith", cased, [first or last]]
    if not first and not last and len(middle) == 1:
        return ["is", field, "contains", cased, middle]
    return ["like", field, cased, pieces]


def _literal(part: Any, cased: bool) -> Any:
    if isinstance(part, str):
        return part if cased else part.lower()
    if part not in (_MULTI, _SINGLE):
        raise NotHere(f"a placeholder without a value (%{part.name}%)")
    return part


def _pieces(parts: Iterable[Any]) -> list[str]:
    """The texts between the wildcards; first and last are empty where the pattern is open."""
    pieces = [""]
    for part in parts:
        if part is _MULTI:
            pieces.append("")
        else:
            pieces[-1] += part
    return [pieces[0], *filter(None, pieces[1:-1]), pieces[-1]]


def _as_expression(parts: Iterable[Any]) -> str:
    wild = {_MULTI: ".*", _SINGLE: "."}
    body = "".join(wild[part] if part in wild else _escaped(part) for part in parts)
    return rf"\A{body}\z"


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in _RE_SPECIAL else c for c in text)


def _regular(field: str, value: SigmaRegularExpression) -> Condition:
    if value.contains_placeholder():
        raise NotHere("a placeholder without a value in a regular expression")
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    return _checked(field, value.regexp.to_plain_regex(), flags)


def _checked(field: str, pattern: str, flags: str) -> Condition:
    try:
        expression(pattern, flags)
    except MalformedRules as error:
        raise NotHere(str(error)) from error
    return ["re", field, pattern, flags]


def _keyword(value: SigmaType) -> Condition:
    """Anywhere in the event's texts."""
    if isinstance(value, SigmaExpansion):
        return joined("or", [_keyword(one) for one in value.values])
    if isinstance(value, SigmaRegularExpression):
        return _regular(KEYWORDS, value)
    if isinstance(value, SigmaNumber):
        return ["is", KEYWORDS, "contains", False, [str(value.number)]]
    if isinstance(value, SigmaString):
        return _string(KEYWORDS, _MULTI + value + _MULTI)
    raise NotHere(f"a keyword of the kind {type(value).__name__}")
