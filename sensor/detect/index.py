"""Which rules an event may match: by its kind, then by what their guards look up."""

from collections import defaultdict
from collections.abc import Iterable, MutableMapping
from typing import Generic, NamedTuple, TypeVar

from sensor.detect import forms as form
from sensor.detect.compact import Condition
from sensor.detect.facts import Facts, Form
from sensor.detect.fields import FIELDS
from sensor.detect.guards import Guard, guard_of
from sensor.detect.literals import Finder, finder

R = TypeVar("R")

Finders = MutableMapping[tuple[str, ...], Finder]


class Exact(NamedTuple, Generic[R]):
    """Rules by the text of one form; `several` where the form is a tuple of texts."""

    key: str
    form: Form
    several: bool
    rules: dict[str, list[R]]


class Contained(NamedTuple, Generic[R]):
    """Rules by texts that one form must contain, in the order in which `find` numbers them."""

    key: str
    find: Finder
    rules: list[list[R]]


class Index(Generic[R]):
    """The rules for one kind of event: `add` all, then `close`. Indexes of an engine share forms and finders."""

    def __init__(self, forms: MutableMapping[str, Form], finders: Finders) -> None:
        self._forms = forms
        self._finders = finders
        self._exact: dict[str, Exact[R]] = {}
        self._texts: dict[str, dict[str, list[R]]] = defaultdict(lambda: defaultdict(list))
        self._always: list[R] = []
        self._by_exact: tuple[Exact[R], ...] = ()
        self._by_contained: tuple[Contained[R], ...] = ()

    def add(self, rule: R, condition: Condition) -> None:
        """Take in a rule under the guard of its condition."""
        guard = guard_of(condition)
        if guard is None:
            self._always.append(rule)
        else:
            self._place(rule, guard)

    def close(self) -> None:
        """Nothing is added any more."""
        self._by_exact = tuple(self._exact.values())
        self._by_contained = tuple(
            Contained(key, self._finder(tuple(rules)), list(rules.values())) for key, rules in self._texts.items()
        )
        self._texts.clear()

    def candidates(self, facts: Facts) -> Iterable[R]:
        """The rules that the event may match, each once."""
        found = self._always.copy()
        for key, make, several, rules in self._by_exact:
            value = facts[key] = make(facts)  # nobody has asked before
            if several:
                for text in value:
                    if text in rules:
                        found += rules[text]
            elif value in rules:
                found += rules[value]
        for key, find, by_number in self._by_contained:
            if text := facts[key]:
                for number in find(text):
                    found += by_number[number]
        return dict.fromkeys(found) if len(found) > 1 else found

    def _place(self, rule: R, guard: Guard) -> None:
        for field, which, exact, text in guard:
            key = form.key(self._forms, field, which)
            if exact:
                several = FIELDS[field].several and which == form.LOWER
                known = self._exact.setdefault(key, Exact(key, self._forms[key], several, {}))
                known.rules.setdefault(text, []).append(rule)
            else:
                self._texts[key][text].append(rule)

    def _finder(self, texts: tuple[str, ...]) -> Finder:
        if texts not in self._finders:
            self._finders[texts] = finder(texts)
        return self._finders[texts]
