"""The rules as functions, and what of them an event matches."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sensor.detect.certainty import certainty
from sensor.detect.compact import Condition, MalformedRules, Problem, Rule, RuleSet, Variant
from sensor.detect.conditions import Test, predicate
from sensor.detect.facts import Facts, Form
from sensor.detect.index import Finders, Index
from sensor.detect.quoting import without_quoting
from sensor.model.events import Event, Header, Process
from sensor.model.kinds import Kind

HeaderOf = Callable[[], Header]
ParentOf = Callable[[Event], Process | None]


class Loaded(NamedTuple):
    """One variant of a rule, ready to be asked; its number tells it from all others.

    `certain` is asked where `test` holds, if the rule negates what may not have been read.
    """

    number: int
    rule: Rule
    test: Test
    certain: Test | None

    def __hash__(self) -> int:
        return self.number


class Verdict(NamedTuple):
    """The rules that an event matches, and those that it would match if what was not read of it were not there."""

    found: list[Rule]
    undecided: list[Rule]


class Engine:
    """A rule set, loaded: about 0.2 ms and 10 kB a rule. What cannot be loaded of it stands in `problems`.

    `rules` is the set without its conditions, which are functions now; `kinds` are those of which any rule asks.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules._replace(rules=tuple(rule._replace(variants=()) for rule in rules.rules))
        self._forms: dict[str, Form] = {}
        self.problems: list[Problem] = []
        self.loaded = 0
        self._numbers = 0
        self._by_kind: dict[Kind, Index[Loaded]] = {}
        self._finders: Finders = {}
        for rule, known in zip(rules.rules, self.rules.rules, strict=True):
            self._load(rule.variants, known)
        self.kinds = frozenset(self._by_kind)
        for index in self._by_kind.values():
            index.close()

    def matches(self, event: Event, header_of: HeaderOf | None = None, parent_of: ParentOf | None = None) -> list[Rule]:
        """The rules that the event matches, in no particular order."""
        return self.verdict(event, header_of, parent_of).found

    def verdict(self, event: Event, header_of: HeaderOf | None = None, parent_of: ParentOf | None = None) -> Verdict:
        """The same, with the rules that what was not read leaves undecided. A shell's command is asked as it was
        written, and without its needless quotes if it has any."""
        index = self._by_kind.get(event.kind)
        if index is None:
            return Verdict([], [])
        facts = Facts(event, self._forms, header_of, parent_of)
        verdict = self._asked(index, facts)
        if (plain := without_quoting(event)) is None:
            return verdict
        return _both(verdict, self._asked(index, Facts(plain, self._forms, header_of, parent_of, facts)))

    @staticmethod
    def _asked(index: Index[Loaded], facts: Facts) -> Verdict:
        verdict = Verdict([], [])
        for _, rule, test, certain in index.candidates(facts):
            if test(facts):
                (verdict.found if certain is None or certain(facts) else verdict.undecided).append(rule)
        return verdict

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms of fields that the rules ask for."""
        return self._forms

    def _load(self, variants: Sequence[Variant], rule: Rule) -> None:
        """All variants of a rule or none."""
        try:
            ready = [(v, self._numbered(rule, v.condition), _kinds(v.kinds)) for v in variants]
        except MalformedRules as error:
            self.problems.append(Problem(rule.source, f"{rule.title}: {error}"))
            return
        for variant, loaded, kinds in ready:
            for kind in kinds:
                self._by_kind.setdefault(kind, Index(self._forms, self._finders)).add(loaded, variant.condition)
        self.loaded += bool(ready)

    def _numbered(self, rule: Rule, condition: Condition) -> Loaded:
        self._numbers += 1
        test = predicate(condition, self._forms)
        return Loaded(self._numbers, rule, test, certainty(condition, self._forms))


def _both(one: Verdict, other: Verdict) -> Verdict:
    """What either form is found by; undecided is what neither is."""
    found = list(dict.fromkeys(one.found + other.found))
    return Verdict(found, [rule for rule in dict.fromkeys(one.undecided + other.undecided) if rule not in found])


def _kinds(names: Iterable[str]) -> list[Kind]:
    try:
        return [Kind(name) for name in names]
    except ValueError as error:
        raise MalformedRules(str(error)) from error
