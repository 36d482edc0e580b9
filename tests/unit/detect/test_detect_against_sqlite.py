"""The same rules over the same events, by us and by pySigma's SQLite backend: they must agree on every one.

A table cannot tell what was not read from what is not there, so what we leave undecided counts as found here.

`SIGMA_RULES` names a folder with further rules, such as a clone of SigmaHQ's; without it only the project's own are
compared.
"""

import gzip
import json
import os
from contextlib import closing
from itertools import chain
from pathlib import Path
from random import Random

import pytest
from sigma.rule import SigmaRule

from sensor.detect.compact import Rule, RuleSet
from sensor.detect.engine import Engine
from sensor.detect.fields import FIELDS
from sensor.model.codec import event_from_json
from sensor.model.events import Event, Process
from sensor.sigma.compiler import compile_paths
from sensor.sigma.documents import Document, documents, rule_files
from sensor.sigma.logsources import kinds_of
from tests.needs import Need
from tests.sigma_events import EventMaker
from tests.sigma_sqlite import SPREAD, SqlRules

HERE = Path(__file__).parents[3]
FIXTURES = HERE / "tests" / "data" / "sigma"
EVENTS = 5_000


def asks_for_several(condition: list[object]) -> bool:
    operator, *rest = condition
    if operator in ("and", "or", "not"):
        return any(asks_for_several(part) for part in rest)  # type: ignore[arg-type]  # conditions again
    return any(FIELDS[f].several and f not in SPREAD for f in rest if isinstance(f, str) and f in FIELDS)


def compared(rules: RuleSet, paths: list[Path]) -> dict[str, tuple[Rule, SigmaRule]]:
    """Rules that both can run, by their place."""
    sigma = {}
    for path in rule_files(paths):
        assert isinstance(path, Path)
        for document in documents(path):
            if isinstance(document, Document) and "detection" in document.content:
                sigma[document.at("title")] = SigmaRule.from_dict(document.content)
    ours = [rule for rule in rules.rules if rule.variants]
    return {
        rule.source: (rule, sigma[rule.source])
        for rule in ours
        if not any(asks_for_several(variant.condition) for variant in rule.variants)
    }


def recorded() -> list[Event]:
    """What a sensor told of a task in which the cases of the rules that ship were done, and their near misses."""
    lines = gzip.decompress((HERE / "tests" / "data" / "recorded_events.jsonl.gz").read_bytes()).splitlines()
    return [event_from_json(json.loads(line)) for line in lines]


def disagreements(paths: list[Path], count: int) -> tuple[int, int, list[str]]:
    """How many rules were compared, how many matches there were, and a line for each difference."""
    rules = compile_paths(paths)
    assert not rules.problems
    both = compared(rules, paths)
    maker = EventMaker([rule for rule, _ in both.values()], Random(7))
    events = recorded()
    events += [maker.event() for _ in range(count - len(events))]

    def parent_of(event: Event) -> Process | None:
        above = event.process.ancestors if event.process is not None else ()
        return maker.parents.get(above[0].entity) if above else None

    engine = Engine(rules)
    ours: dict[str, set[int]] = {source: set() for source in both}
    for number, event in enumerate(events):
        for rule in chain(*engine.verdict(event, None, parent_of)):
            ours.get(rule.source, set()).add(number)
    lines, matches = [], 0
    with closing(SqlRules(events, parent_of)) as table:
        for source, (_, sigma) in both.items():
            theirs = table.matches(sigma, map(str, kinds_of(sigma.logsource)))
            matches += len(theirs)
            lines += [f"{source}: event {n}, ours {n in ours[source]}: {events[n]}" for n in theirs ^ ours[source]]
    return len(both), matches, lines


def test_fixtures_and_shipped_rules_agree_with_sqlite() -> None:
    rules, matches, lines = disagreements([FIXTURES, HERE / "rules"], EVENTS)

    assert lines == []
    assert rules >= 40
    assert matches >= EVENTS / 4


def test_public_rules_agree_with_sqlite(need: Need) -> None:
    folder = os.environ.get("SIGMA_RULES")
    if folder is None:
        pytest.skip("SIGMA_RULES names no folder of Sigma rules")
    need(Path(folder).is_dir(), f"the folder of SIGMA_RULES, {folder}")

    rules, matches, lines = disagreements([Path(folder)], EVENTS)

    assert lines == []
    assert rules >= 80
    assert matches >= EVENTS / 4
