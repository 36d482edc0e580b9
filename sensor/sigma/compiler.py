"""From files of Sigma rules to a rule set. Whatever is wrong with one document, the others are compiled."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError, SigmaRegularExpressionError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from sensor.detect.compact import Problem, Rule, RuleSet, Suppression, Variant
from sensor.sigma.documents import Document, documents, rule_files
from sensor.sigma.expression_policy import NOT_RE2, POLICY
from sensor.sigma.expressions import NotHere, condition_of, joined
from sensor.sigma.logsources import kinds_of
from sensor.sigma.suppressing import suppressions
from sensor.sigma.variants import variants

RESPONSES = ("page", "ticket", "hunt")
DEFAULT_LEVEL = "medium"
MOST_CONDITION_BYTES = 8192
"""Of the text of a `condition`: its parser takes a time that grows faster than the text."""

Variants = tuple[tuple[Variant, ...], tuple[str, ...]]
"""What a rule finds in which kinds of events, and the fields that were left out."""

CORRELATION = "a correlation: nothing counts over several events yet"
PART = "part of a correlation, which does not want it told by itself (generate)"


class Compiler:
    """Collects rules, suppressions and problems, document by document; `result` is all of them."""

    def __init__(self) -> None:
        self._rules: list[tuple[Document, SigmaRule]] = []
        self._not_here: list[Rule] = []
        self._filters: list[tuple[Document, SigmaFilter]] = []
        self._used: set[str] = set()  # filters that applied to a rule, or were told, by their place
        self._parts: set[str] = set()  # names and ids of rules that a correlation is made of
        self._suppressions: list[Suppression] = []
        self._problems: list[Problem] = []

    def add(self, document: Document | Problem) -> None:
        """Take in one document: a rule, a filter, a correlation or suppressions."""
        if isinstance(document, Problem):
            self._problems.append(document)
            return
        try:
            self._add(document)
        except RecursionError:
            self._problem(document, "too deep")
        except SigmaError as error:
            self._problem(document, _words(error))
        except Exception as error:  # noqa: BLE001  # pySigma trusts the types of what it reads; this costs one document
            self._problem(document, f"no Sigma rule ({type(error).__name__}: {error})")

    def result(self) -> RuleSet:
        """All that was added, compiled."""
        rules: dict[str, Rule] = {}
        for document, sigma in self._rules:
            rule = self._compiled(document, sigma)
            if rule is not None and rule.id in rules:
                self._problem(document, f"has the id of {rules[rule.id].source} ({rule.id})", "id")
            elif rule is not None:
                rules[rule.id] = rule
        for document, _ in self._filters:
            if document.at() not in self._used:
                self._problem(document, "a filter for none of these rules; those that ship are not reached by filters")
        return RuleSet((*rules.values(), *self._not_here), tuple(self._suppressions), tuple(self._problems))

    def _add(self, document: Document) -> None:
        if "suppressions" in document.content:
            found, problems = suppressions(document)
            self._suppressions += found
            self._problems += problems
        elif "correlation" in document.content:
            parsed = SigmaCorrelationRule.from_dict(document.content, collect_errors=True)
            if self._sound(document, parsed.errors):
                if not parsed.generate:
                    self._parts |= {rule.reference for rule in parsed.rules or parsed.referenced_rules}
                self._not_here.append(_described(document, parsed)._replace(not_here=CORRELATION))
        elif "filter" in document.content:
            filtering = SigmaFilter.from_dict(document.content, collect_errors=True, policy=POLICY)
            if self._sound(document, filtering.errors):
                self._filters.append((document, filtering))
        else:
            self._add_rule(document)

    def _add_rule(self, document: Document) -> None:
        if problem := _oversized(document):
            self._problem(document, problem, "condition")
            return
        if not isinstance(document.content.get("id", ""), str):
            self._problem(document, "the id should be a UUID", "id")
            return
        sigma = SigmaRule.from_dict(document.content, collect_errors=True, policy=POLICY)
        expressions = [error for error in sigma.errors if isinstance(error, SigmaRegularExpressionError)]
        if expressions and len(expressions) == len(sigma.errors) and all(NOT_RE2 in str(e) for e in expressions):
            self._not_here.append(_described(document, sigma)._replace(not_here=_words(expressions[0])))
        elif self._sound(document, sigma.errors):
            response = document.content.get("response")
            if response is not None and response not in RESPONSES:
                self._problem(document, f"response should be one of {', '.join(RESPONSES)}", "response")
            self._rules.append((document, sigma))

    def _compiled(self, document: Document, sigma: SigmaRule) -> Rule | None:
        described = _described(document, sigma)
        if not self._parts.isdisjoint((described.id, sigma.name or described.id)):
            return described._replace(not_here=PART)
        try:
            made, without = self._filtered(sigma, _variants(sigma))
        except NotHere as reason:
            return described._replace(not_here=str(reason))
        except RecursionError:
            self._problem(document, "the condition is too deep", "condition")
        except SigmaError as error:
            self._problem(document, _words(error), "condition")
        except Exception as error:  # noqa: BLE001  # as above
            self._problem(document, f"cannot be compiled ({type(error).__name__}: {error})")
        else:
            return described._replace(variants=made, without=without)
        return None

    def _filtered(self, sigma: SigmaRule, found: Variants) -> Variants:
        """What filters leave of what a rule finds; one that cannot be applied is told, once, and left out."""
        for document, filtering in self._filters:
            if sigma.logsource not in filtering.logsource:
                continue  # to copy a rule costs more than all else that is done for a filter
            tried = deepcopy(sigma)
            try:
                filtering.apply_on_rule(tried)
                if tried.detection.condition == sigma.detection.condition:
                    continue
                found, sigma = _variants(tried), tried
            except Exception as error:  # noqa: BLE001  # as above; this costs one filter
                if document.at() not in self._used:
                    self._problem(document, f"a filter that cannot be applied: {_words(error) or type(error).__name__}")
            self._used.add(document.at())
        return found

    def _sound(self, document: Document, errors: Sequence[Exception]) -> bool:
        for error in errors:
            self._problem(document, _words(error))
        return not errors

    def _problem(self, document: Document, text: str, *keys: str) -> None:
        text = " ".join(text.split())[:300]
        self._problems.append(Problem(document.at(*keys) if keys else document.place_of(text), text))


def compile_paths(paths: Iterable[Path], *, below: Path | None = None) -> RuleSet:
    """The rule set of files and directories; places are named relative to `below` where it is given."""
    compiler = Compiler()
    for path in rule_files(paths):
        if isinstance(path, Problem):
            compiler.add(path)
            continue
        for document in documents(path, str(path.relative_to(below)) if below is not None else None):
            compiler.add(document)
    return compiler.result()


def _variants(sigma: SigmaRule) -> Variants:
    trees = [parsed.parsed for parsed in sigma.detection.parsed_condition]
    return variants(joined("or", [condition_of(tree) for tree in trees]), kinds_of(sigma.logsource))


def _described(document: Document, sigma: SigmaRule | SigmaCorrelationRule) -> Rule:
    """A rule without its conditions. One without an id has one made of its title."""
    title = sigma.title or "untitled"
    level = sigma.level.name.lower() if sigma.level is not None else DEFAULT_LEVEL
    response = document.content.get("response")
    return Rule(
        id=str(sigma.id or uuid5(NAMESPACE_URL, f"sigma:{title}")),
        title=title,
        level=level,
        source=document.at("title"),
        author=sigma.author,
        tags=tuple(map(str, sigma.tags)),
        response=response if response in RESPONSES else None,
    )


def _oversized(document: Document) -> str | None:
    detection = document.content.get("detection")
    conditions = detection.get("condition") if isinstance(detection, dict) else None
    texts = conditions if isinstance(conditions, list) else [conditions]
    if any(isinstance(text, str) and len(text) > MOST_CONDITION_BYTES for text in texts):
        return f"a condition of more than {MOST_CONDITION_BYTES:,} characters"
    return None


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
