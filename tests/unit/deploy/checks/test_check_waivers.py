"""Suppressions and baselines: what counts no more, until when, and what is told of both."""

import json
from datetime import date
from pathlib import Path

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.command import main
from deploy.checks.suppressions import Suppression, suppressions

TODAY = date(2026, 11, 27)
APP = {"name": "app", "image": "app:1.2.3", "user": "1000", "readonlyRootFilesystem": True, "privileged": True}
TASK = {"family": "web", "containerDefinitions": [APP, {**APP, "name": "worker"}]}
PRIVILEGED = """
- check: privileged
  file: "infra/*.json"
  subject: "*container app"
  reason: it is being rebuilt
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/task.json").write_text(json.dumps(TASK, indent=1))
    return tmp_path


def suppress(folder: Path, *entries: str) -> None:
    listed = "".join(entries).replace("\n", "\n  ")
    (folder / ".fargate-sensor-check.yaml").write_text(f"suppressions:{listed}\n")


def report(capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> tuple[dict, str]:
    """The JSON report of a run that has to end with `code`, and what went to standard error."""
    ended = main(["--format", "json", "--fail-on", "critical", "infra", *options], TODAY)
    shown = capsys.readouterr()
    assert ended == code, shown.err
    return json.loads(shown.out), shown.err


def found(listed: list[dict], check: str = "privileged") -> list[str]:
    return [one["subject"] for one in listed if one["check"] == check]


def test_a_suppression_takes_out_what_it_covers_and_keeps_it_with_its_reason(folder: Path, capsys) -> None:
    suppress(folder, PRIVILEGED, "  until: 2026-11-27")
    result, told = report(capsys, code=1)
    assert found(result["findings"]) == ["task web, container worker"]
    assert found(result["waived"]) == ["task web, container app"]
    assert result["waived"][0]["reason"] == "it is being rebuilt"
    assert told == ""


def test_an_expired_suppression_no_longer_suppresses_and_is_told(folder: Path, capsys) -> None:
    suppress(folder, PRIVILEGED, "  until: 2026-11-26")
    result, told = report(capsys, code=1)
    assert len(found(result["findings"])) == 2
    assert told == (
        ".fargate-sensor-check.yaml:2: the suppression of privileged ended on 2026-11-26"
        " and suppresses nothing any more\n"
    )


def test_one_that_matches_nothing_is_told_and_fails_nothing(folder: Path, capsys) -> None:
    suppress(
        folder,
        "\n- {check: privileged, reason: r, until: 2027-01-01}",
        "\n- {check: public-ip, reason: r, until: 2027-01-01}",
        "\n- {check: '*', file: 'infra/[*', reason: r, until: 2027-01-01}",
    )
    result, told = report(capsys, code=0)
    assert found(result["findings"]) == []
    assert told == (
        ".fargate-sensor-check.yaml:3: the suppression of public-ip matches no finding of what was checked\n"
        ".fargate-sensor-check.yaml:4: the suppression of * matches no finding of what was checked\n"
    )
    assert len(result["notes"]) == 2


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{check: privileged, until: 2027-01-01}", "the suppression of privileged needs a reason"),
        ("{check: privileged, reason: ' ', until: 2027-01-01}", "the suppression of privileged needs a reason"),
        ("{check: privileged, reason: r}", "the suppression of privileged needs until, its last day, as in 2027-03-31"),
        (
            "{check: privileged, reason: r, until: soon}",
            "the suppression of privileged needs until, its last day, as in 2027-03-31",
        ),
        (
            "{check: privileged, reason: r, until: 2027-11-29}",
            "the suppression of privileged lasts longer than a year: until may be 2027-11-28 at most",
        ),
        (
            "{check: priviledged, reason: r, until: 2027-01-01}",
            "a suppression needs check, the id of one or *; priviledged is none",
        ),
        ("{reason: r, until: 2027-01-01}", "a suppression needs check, the id of one or *; nothing is none"),
        (
            "{check: privileged, because: r, until: 2027-01-01}",
            "a suppression has no because; it has check, file, subject, until, reason",
        ),
        ("privileged", "suppressions[1] must be a mapping"),
    ],
)
def test_a_wrong_suppression_is_one_line_and_the_others_are_used(folder: Path, capsys, entry: str, told: str) -> None:
    suppress(folder, "\n- {check: privileged, reason: r, until: 2027-01-01}", f"\n- {entry}")
    result, error = report(capsys, code=1)
    assert found(result["findings"]) == []
    assert error == f".fargate-sensor-check.yaml:3: {told}\n"


@pytest.mark.parametrize("text", ["suppressions: 3", "other: []", "[1", "- a"])
def test_a_wrong_file_of_suppressions_is_told(folder: Path, capsys, text: str) -> None:
    (folder / "own.yaml").write_text(text)
    result, error = report(capsys, "--config", "own.yaml", code=1)
    assert len(found(result["findings"])) == 2
    assert error.startswith("own.yaml")
    assert error.count("\n") == 1


def test_a_baseline_knows_what_was_there_wherever_it_moves_and_nothing_more(folder: Path, capsys) -> None:
    result, _ = report(capsys, "--write-baseline", "known.json", code=0)
    assert result["findings"] == []
    assert report(capsys, "--baseline", "known.json", code=0)[0]["findings"] == []
    moved = {**TASK, "containerDefinitions": [{**APP, "name": "new"}, *TASK["containerDefinitions"]]}
    (folder / "infra/task.json").write_text(json.dumps(moved, indent=4))
    result, _ = report(capsys, "--baseline", "known.json", code=1)
    assert {one["subject"] for one in result["findings"]} == {"task web, container new"}
    assert result["baseline_gone"] == 0


def test_a_baseline_counts_flaws_of_one_name(folder: Path, capsys) -> None:
    report(capsys, "--write-baseline", "known.json")
    twice = {**TASK, "containerDefinitions": [APP, APP]}
    (folder / "infra/task.json").write_text(json.dumps(twice))
    result, _ = report(capsys, "--baseline", "known.json", code=1)
    assert found(result["findings"]) == ["task web, container app"]
    assert result["baseline_gone"] > 0


def test_a_baseline_holds_however_the_file_is_named(folder: Path, capsys) -> None:
    assert main(["infra/task.json", "--write-baseline", "known.json"], TODAY) == 0
    for name in (str(folder / "infra/task.json"), "./infra/../infra/task.json"):
        assert main([name, "--baseline", "known.json", "--fail-on", "low"], TODAY) == 0
    capsys.readouterr()


def test_a_baseline_has_no_value_of_a_secret_and_a_suppressed_finding_is_not_in_it(folder: Path, capsys) -> None:
    app = {**APP, "environment": [{"name": "DB_PASSWORD", "value": "hunter2-is-no-good"}]}
    (folder / "infra/task.json").write_text(json.dumps({**TASK, "containerDefinitions": [app]}))
    suppress(folder, "\n- {check: privileged, reason: r, until: 2027-01-01}")
    report(capsys, "--write-baseline", "known.json")
    text = (folder / "known.json").read_text()
    assert "secret-in-environment" in text
    assert "hunter2" not in text
    assert "privileged" not in text


@pytest.mark.parametrize(
    ("text", "line"),
    [("{", 1), ("[]", None), ('{"version": 2, "findings": []}', None),
     ('{"version": 1,\n"findings": [\n{"fingerprint": "a", "count": 0}]}', 3),
     ('{"version": 1,\n"findings": [\n{"fingerprint": [], "count": 1}]}', 3)],
)  # fmt: skip
def test_a_wrong_baseline_is_told(folder: Path, capsys, text: str, line: int | None) -> None:
    (folder / "known.json").write_text(text)
    result, told = report(capsys, "--baseline", "known.json", code=1)
    assert len(found(result["findings"])) == 2
    assert told.startswith("known.json: " if line is None else f"known.json:{line}: ")


def test_a_baseline_that_cannot_be_written_is_told(folder: Path, capsys) -> None:
    result, told = report(capsys, "--write-baseline", "nowhere/known.json", code=1)
    assert len(found(result["findings"])) == 2
    assert told == "nowhere/known.json: cannot be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("option", "told"),
    [("--config", "--config names it"), ("--baseline", "--baseline names it: --write-baseline makes one")],
)
def test_a_file_that_is_not_there_is_told_with_its_option(folder: Path, capsys, option: str, told: str) -> None:
    result, error = report(capsys, option, "nofile", code=1)
    assert len(found(result["findings"])) == 2
    assert error == f"nofile: does not exist, though {told}\n"


def test_text_counts_what_does_not_count(folder: Path, capsys) -> None:
    suppress(folder, PRIVILEGED, "  until: 2027-01-01")
    main(["infra", "--write-baseline", "known.json"], TODAY)
    assert "not counted: 1 suppressed, 8 in the baseline; 0 of the baseline not found again" in capsys.readouterr().out


def test_the_example_of_the_document_is_one(folder: Path) -> None:
    text = (Path(__file__).parents[4] / "docs/checks.md").read_text()
    (folder / "example.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0])
    (found,) = suppressions(Path("example.yaml"), {check.id for check in catalog()}, TODAY)
    assert isinstance(found, Suppression)
    assert (found.check, found.file, found.subject) == ("writable-root", "legacy/*.yaml", "*container worker")


def test_wrong_usage(folder: Path, capsys) -> None:
    assert main(["infra", "--baseline", "a", "--write-baseline", "b"]) == 2
    assert "not allowed with" in capsys.readouterr().err
