"""What a directory has that is none of ours is told and fails nothing; what may be ours fails where it is broken."""

import json
from pathlib import Path

import pytest
from closed_folders import close

from deploy.checks import documents
from deploy.checks.command import main

OTHERS = {
    "tsconfig.json": "// for the editor\n{}\n",
    "empty.json": "",
    "lines.json": '{"a": 1}\n{"b": 2}\n',
    "play.yml": "- hosts: all\n  vars:\n    x: {{ y }}\n",
    "mkdocs.yml": "theme:\n  custom: %s\n",
    "latin.yaml": "caf\xe9: 1\n",
}
OURS = {
    "task.json": '// ours\n{"containerDefinitions": []}\n',
    "containers.json": '[{"name": "a", "image": "b", "portMappings": [],}]',
    "described.json": '{"taskDefinition": }',
    "template.yaml": "Resources:\n  A:\n    Type: AWS::ECS::Service\n  B: %s\n",
    "role.template": "Resources:\n  A:\n    Type: AWS::IAM::Role\n  B: %s\n",
    "plan.json": '{"planned_values": }',
    "state.json": '{"terraform_version": "1.9.0", }',
    "pod.yaml": "apiVersion: v1\nkind: Pod\nspec: {{ y }}\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_none_of_ours_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / name).write_bytes(OTHERS[name].encode("latin-1"))
    assert main([str(tmp_path)]) == 0
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert line.startswith(f"{tmp_path}/{name}:")
    assert ": not checked: " in line
    assert "1 files without any, 1 passed over undecoded, 0 problems" in told.out


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_may_be_ours_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, encoding: str
) -> None:
    (tmp_path / name).write_bytes(OURS[name].encode(encoding))
    assert main([str(tmp_path), "--fail-on", "never"]) == 1
    told = capsys.readouterr()
    assert "not checked" not in told.err
    assert " 0 passed over undecoded, 1 problems" in told.out


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_named_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / name).write_bytes(OTHERS[name].encode("latin-1"))
    assert main([str(tmp_path / name), "--fail-on", "never"]) == 1
    assert "not checked" not in capsys.readouterr().err


@pytest.mark.parametrize(("text", "code"), [("[]", 0), ("apiVersion: v1", 1)])
def test_a_large_file_is_known_by_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    monkeypatch.setattr(documents, "LARGEST", 100)
    (tmp_path / "a.json").write_text(text.ljust(101))
    assert main([str(tmp_path)]) == code
    assert "is larger than" in capsys.readouterr().err


def test_a_note_is_counted_in_json_and_no_failure_in_sarif(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.json").write_text("")
    main([str(tmp_path), "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert (report["files_undecoded"], report["problems"]) == (1, [])
    assert [note["text"] for note in report["notes"]] == ["not checked: is empty"]
    main([str(tmp_path), "--format", "sarif"])
    (invocation,) = json.loads(capsys.readouterr().out)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is True


LOOP = """
Transform: AWS::LanguageExtensions
Resources:
  'Fn::ForEach::Tasks':
    - Name
    - [a, b]
    - 'Task${Name}':
        Type: AWS::ECS::TaskDefinition
        Properties: {ContainerDefinitions: [{Name: app, Image: app, Privileged: true}]}
"""


def test_a_loop_of_a_template_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.yaml").write_text(LOOP)
    assert main([str(tmp_path / "t.yaml")]) == 0
    told = capsys.readouterr()
    where = f"{tmp_path}/t.yaml:4: Fn::ForEach::Tasks"
    assert told.err == f"{where} is not looked into: what it makes was not checked\n"
    assert " 0 passed over undecoded" in told.out


def test_a_directory_that_cannot_be_read_is_a_problem_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pod.yaml").write_text(OURS["pod.yaml"])
    close({tmp_path / "closed"}, monkeypatch)

    assert main([str(tmp_path), "--fail-on", "never"]) == 1
    told = capsys.readouterr().err
    assert f"{tmp_path}/closed: cannot be read: Permission denied\n" in told
    assert f"{tmp_path}/open/pod.yaml" in told
    assert main([str(tmp_path / "closed"), "--fail-on", "never"]) == 1
