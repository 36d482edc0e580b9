"""From a condition of the compact form to a function that answers it for one event."""

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from sensor.detect import forms as form
from sensor.detect.compact import DEEPEST, Condition, MalformedRules
from sensor.detect.facts import Facts, Form
from sensor.detect.fields import FIELDS
from sensor.detect.networks import network_test
from sensor.detect.patterns import expression, like_test

Test = Callable[[Facts], bool]
Texts = Callable[[str], bool]
"""A test of one text."""

Forms = MutableMapping[str, Form]


def predicate(condition: Condition, forms: Forms, depth: int = 0) -> Test:
    """The function for a condition; `forms` learns the forms it will ask for. Raises `MalformedRules`."""
    if depth > DEEPEST:
        raise MalformedRules(f"a condition is deeper than {DEEPEST}")
    try:
        operator, *rest = condition
        if operator in CONNECTIVES:
            return CONNECTIVES[operator]([predicate(part, forms, depth + 1) for part in rest])
        if operator == "not":
            return negation(predicate(rest[0], forms, depth + 1))
        return _LEAVES[operator](forms, *rest)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        if isinstance(error, MalformedRules):
            raise
        raise MalformedRules(f"a condition: {type(error).__name__}: {error}"[:200]) from error


def negation(test: Test) -> Test:
    """`not`: where facts are another form of an event, neither that nor what was written may hold (docs/adr/0115)."""

    def holds_of_neither(facts: Facts) -> bool:
        return not test(facts) and (facts.written is None or not test(facts.written))

    return holds_of_neither


def _and(tests: Sequence[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda facts: first(facts) and second(facts)

    def all_hold(facts: Facts) -> bool:
        for test in tests:  # noqa: SIM110  # a generator costs as much as the tests
            if not test(facts):
                return False
        return True

    return all_hold


def _or(tests: Sequence[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda facts: first(facts) or second(facts)

    def one_holds(facts: Facts) -> bool:
        for test in tests:  # noqa: SIM110  # a generator costs as much as the tests
            if test(facts):
                return True
        return False

    return one_holds


def _is(forms: Forms, field: str, how: str, cased: bool, texts: Sequence[str]) -> Test:
    key = form.key(forms, field, form.TEXT if cased else form.LOWER)
    if FIELDS[field].several:
        return _of_any(key, _text_test(how, texts))
    if how == "equals":
        return _equals(key, texts)
    if how == "contains" and len(texts) == 1:
        only = texts[0]
        return lambda facts: only in facts[key]
    test = _text_test(how, texts)
    return lambda facts: test(facts[key])


def _equals(key: str, texts: Sequence[str]) -> Test:
    if len(texts) == 1:
        only = texts[0]
        return lambda facts: bool(facts[key] == only)
    any_of = frozenset(texts)
    return lambda facts: facts[key] in any_of


def _text_test(how: str, texts: Sequence[str]) -> Texts:
    if how == "equals":
        return frozenset(texts).__contains__
    any_of = tuple(texts)
    if how == "startswith":
        return lambda text: text.startswith(any_of)
    if how == "endswith":
        return lambda text: text.endswith(any_of)
    if how != "contains":
        raise MalformedRules(f"no way to compare texts: {how}")

    def contains(text: str) -> bool:
        for part in any_of:  # noqa: SIM110  # a generator costs as much as the tests
            if part in text:
                return True
        return False

    return contains


def _of_any(key: str, test: Texts) -> Test:
    return lambda facts: any(map(test, facts[key]))


def _like(forms: Forms, field: str, cased: bool, parts: Sequence[str]) -> Test:
    return _text(forms, field, form.TEXT if cased else form.LOWER, like_test(parts))


def _re(forms: Forms, field: str, pattern: str, flags: str) -> Test:
    """An absent field has no text, and an expression that matches the empty one does not match it."""
    found = _text(forms, field, form.TEXT, expression(pattern, flags))
    exists = _exists(forms, field)
    return lambda facts: exists(facts) and found(facts)


def _text(forms: Forms, field: str, which: str, test: Texts) -> Test:
    key = form.key(forms, field, which)
    if FIELDS[field].several:
        return _of_any(key, test)
    return lambda facts: test(facts[key])


def _cidr(forms: Forms, field: str, networks: Sequence[str]) -> Test:
    return _text(forms, field, form.TEXT, network_test(networks))


def _compare(forms: Forms, field: str, operator: str, number: float) -> Test:
    key, holds = form.key(forms, field, form.VALUE), _OPERATORS[operator]

    def compare(facts: Facts) -> bool:
        value = _number(facts[key])
        return value is not None and holds(value, number)

    return compare


def _number(value: Any) -> float | None:
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _field(forms: Forms, field: str, how: str, other: str) -> Test:
    """Several values of either side: any of the one with any of the other."""
    here, there = _lower_texts(forms, field), _lower_texts(forms, other)
    method: dict[str, Callable[[str, str], bool]] = {
        "equals": str.__eq__,
        "startswith": str.startswith,
        "endswith": str.endswith,
        "contains": str.__contains__,
    }
    holds = method[how]
    return lambda facts: any(holds(a, b) is True for a in here(facts) for b in there(facts))


def _lower_texts(forms: Forms, field: str) -> Callable[[Facts], tuple[str, ...]]:
    key, exists = form.key(forms, field, form.LOWER), _exists(forms, field)
    if FIELDS[field].several:
        return lambda facts: facts[key]
    return lambda facts: (facts[key],) if exists(facts) else ()


def _exists(forms: Forms, field: str) -> Test:
    key = form.key(forms, field, form.VALUE)
    if FIELDS[field].several:
        return lambda facts: bool(facts[key])
    return lambda facts: facts[key] is not None


def _empty(forms: Forms, field: str) -> Test:
    key = form.key(forms, field, form.VALUE)
    if FIELDS[field].several:
        return lambda facts: "" in (facts[key] or ())
    return lambda facts: bool(facts[key] == "")


CONNECTIVES: dict[str, Callable[[Sequence[Test]], Test]] = {"and": _and, "or": _or}
"""What joins tests to one, by operator."""
_LEAVES: dict[str, Callable[..., Test]] = {
    "is": _is,
    "like": _like,
    "re": _re,
    "cidr": _cidr,
    "compare": _compare,
    "field": _field,
    "exists": _exists,
    "empty": _empty,
}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
}
