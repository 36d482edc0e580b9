"""Rules that are meant to do harm: they are told or compiled, within bounds, and the others stay."""

import os
import time
from pathlib import Path

import pytest
from closed_folders import close

from sensor.detect.compact import Problem, pack, unpack
from sensor.detect.engine import Engine
from sensor.sigma import documents as reading
from sensor.sigma.cases import cases_beside
from sensor.sigma.compiler import compile_paths
from tests.rules_from import compiled, exec_event, fires, one_rule, rule_text, texts

GOOD = rule_text("sel: {Image|endswith: /good}\ncondition: sel", ident="11111111-2222-4333-8444-555555555556")
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{number}: &a{number} [*a{number - 1}]\n" for number in range(1, 20_001))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "too many nodes"),
        ("a: &a [*a]", "Recursive"),
        ("[" * 5_000, "not readable as YAML"),
        ("title: x\ndetection:\n  sel: " + "[" * 30_000, "1.yml:3: not readable as YAML: more than 60 lists and maps"),
        ("{a: " * 30_000, "within each other"),
        ("- " * 30_000 + "x", "within each other"),
        (CHAIN + rule_text("sel: {Image: *a20000}\ncondition: sel"), "1.yml"),
        ("a: " + "{b: " * 200 + "1" + "}" * 200, "within each other"),
        ("a: !!python/object/apply:os.system [id]", "not readable as YAML"),
        ("\0", "not readable as YAML"),
        ("\x80abc: \xff", "not readable as YAML"),
        ("title: x\ndetection: 7", "1.yml:1"),
        ("title: [1]\nlogsource: 7\ndetection: {condition: [[]]}", "1.yml:1"),
        (rule_text("sel: {Image: a}\ncondition: " + "not (" * 1000 + "sel" + ")" * 1000), "1.yml"),
        (rule_text("sel: {Image: a}\ncondition: " + " or ".join(["sel"] * 3000)), "a condition of more than"),
        (rule_text("sel: {Image: {a: {b: 1}}}\ncondition: sel"), "1.yml"),
    ],
)
def test_what_is_no_rule_is_told_in_time_and_costs_no_other(text: str, said: str) -> None:
    began = time.process_time()

    rules = compiled(text, GOOD)

    assert [rule.source for rule in rules.rules] == ["2.yml:2"]
    assert any(said in line for line in texts(rules.problems))
    assert all(len(line) < 400 for line in texts(rules.problems))
    assert time.process_time() - began < 20  # without bounds these take hours, or the memory of the machine


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)+$", "(.*)*b", "([a-z]{0,200}){0,5}q", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y"],
)
def test_expressions_that_backtrack_for_ever_elsewhere_end_here(pattern: str) -> None:
    rule = one_rule(f"sel: {{CommandLine|re: '{pattern}'}}\ncondition: sel")
    event = exec_event("a" * 32_000 + "!")
    began = time.process_time()

    fires(rule, event)

    assert time.process_time() - began < 5


def test_an_expression_too_large_is_named() -> None:
    (rule,) = compiled(rule_text("sel: {CommandLine|re: '((a{1,100}){1,100}){1,100}'}\ncondition: sel")).rules

    assert "regular expression" in (rule.not_here or "").lower()


def test_a_text_of_a_megabyte_is_as_good_as_any() -> None:
    long = "x" * 1_000_000
    rule = one_rule(f"sel: {{CommandLine|contains: ['{long}', y]}}\ncondition: sel")
    wild = one_rule(f"sel: {{CommandLine: '*{long}*?'}}\ncondition: sel".replace("*?", "*z"))

    assert fires(rule, exec_event("a y"))
    assert not fires(rule, exec_event("a x"))
    assert not fires(wild, exec_event("a x"))


def test_ten_thousand_rules_are_loaded_and_one_of_them_fires() -> None:
    made = unpack(
        pack(compiled(rule_text("sel: {CommandLine|contains: option4711, User|startswith: r}\ncondition: sel")))
    )
    template = pack(made)
    rules = made._replace(
        rules=tuple(
            unpack(template.replace(b"option4711", b"option%04d" % number)).rules[0]._replace(id=str(number))
            for number in range(10_000)
        )
    )

    engine = Engine(rules)

    assert engine.loaded == 10_000
    assert [rule.id for rule in engine.matches(exec_event("x --option7777", user="root"))] == ["7777"]


def test_files_that_are_too_large_or_too_many_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_FILE_BYTES", 1 << 20)
    monkeypatch.setattr(reading, "MOST_FILES", 3)
    (tmp_path / "0.yml").write_text("a: " + "x" * (1 << 20))
    for number in range(1, 5):
        (tmp_path / f"{number}.yml").write_text(GOOD.replace("5556", f"556{number}"))

    rules = compile_paths([tmp_path, tmp_path / "none"])

    assert len(rules.rules) == 2
    assert [problem.text for problem in rules.problems] == [
        "larger than 1 MiB",
        "more than 3 files: the rest is not read",
    ]


def test_hidden_folders_and_cases_are_no_rules(tmp_path: Path) -> None:
    for name in ("a.yml", "b.cases.yml", "c.txt"):
        (tmp_path / name).write_text(GOOD)
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "d.yml").write_text(GOOD)
    found = list(reading.rule_files([tmp_path]))

    assert found == [tmp_path / "a.yml"]
    assert list(reading.rule_files([tmp_path / "x"])) == [Problem(str(tmp_path / "x"), "no such file or directory")]


def test_lists_beside_each_other_are_no_depth() -> None:
    many = ", ".join(f"[[a{number}]]" for number in range(1_000))

    (found,) = reading.parsed(f"a: [{many}]".encode(), "x.yml")

    assert isinstance(found, reading.Document)


def test_cases_that_are_nested_too_deep_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.cases.yml").write_text("[" * 30_000)

    (problem,) = cases_beside(tmp_path / "a.yml")

    assert "within each other" in str(problem)


def test_each_directory_that_cannot_be_read_is_told_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yml").write_text(GOOD)
    close({tmp_path / "a", tmp_path / "c"}, monkeypatch)

    said = Problem(str(tmp_path / "a"), "cannot be read: Permission denied")
    assert list(reading.rule_files([tmp_path])) == [
        said,
        said._replace(source=str(tmp_path / "c")),
        tmp_path / "b/x.yml",
    ]
    assert list(reading.rule_files([tmp_path / "a"])) == [said]


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    circle = tmp_path / "x.yml"
    circle.symlink_to(circle)

    assert compile_paths([circle]).problems == compile_paths([tmp_path]).problems
    assert texts(compile_paths([circle]).problems) == [f"{circle}: cannot be read: Too many levels of symbolic links"]


def test_pipes_and_links_to_nothing_are_no_rules(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yml")
    (tmp_path / "b.yml").symlink_to(tmp_path / "nothing")

    assert list(reading.rule_files([tmp_path])) == []


@pytest.mark.parametrize(
    ("content", "line"), [("a: [", 2), ("title: one\n---\na: *nobody", 3), ("title: one\n---\na: 2026-99-99", 3)]
)
def test_a_file_below_a_folder_with_a_colon_is_named_whole(tmp_path: Path, content: str, line: int) -> None:
    folder = tmp_path / "rules:prod"
    folder.mkdir()
    (folder / "x.yml").write_text(content)

    assert f"{folder}/x.yml:{line}" in [problem.source for problem in compile_paths([folder]).problems]
