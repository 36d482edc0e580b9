"""The GitHub Action and the pre-commit hook: they name what exists, and the step of the action does what it says."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pre_commit.clientlib import load_manifest

from deploy.checks.command import main
from sensor.cli import main as fargate_sensor

ROOT = Path(__file__).parents[4]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
DATA = ROOT / "tests/data/checks"


def test_every_input_is_used_and_every_used_one_exists() -> None:
    text = json.dumps(ACTION["runs"]) + json.dumps(ACTION["outputs"])
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(ACTION["inputs"])
    assert ACTION["runs"]["using"] == "composite"
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "what an input says must not become part of the script"


def test_what_is_installed_is_there() -> None:
    (install, _) = ACTION["runs"]["steps"]
    named = re.findall(r"\$SOURCE/([\w./]+)", install["run"])
    assert named == ["requirements/build.txt", "requirements/sensor.txt"]
    assert all((ROOT / name).is_file() for name in named)


def step(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The checking step as GitHub runs it, with the command of this environment in the place of the installed one."""
    given = {name.replace("-", "_"): one["default"] for name, one in ACTION["inputs"].items()} | inputs
    script = ACTION["runs"]["steps"][1]
    variables = {
        name: given[re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)[1].replace("-", "_")]
        for name, value in script["env"].items()
    }
    command = folder / "temporary/fargate-sensor/bin/fargate-sensor"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.unlink(missing_ok=True)
    command.symlink_to(Path(sys.executable).parent / "fargate-sensor")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script["run"]],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder / "temporary"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_step_fails_on_findings_and_leaves_sarif(tmp_path: Path) -> None:
    ended = step(tmp_path, paths=f"{DATA}/bad/privileged.yaml\n\n{DATA}/good/privileged.yaml\n", sarif_file="a b.sarif")
    assert ended.returncode == 1, ended.stderr
    assert "it is privileged" in ended.stdout
    assert "in 2 files" in ended.stdout
    (result,) = json.loads((tmp_path / "a b.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "privileged"


def test_the_step_takes_every_option(tmp_path: Path) -> None:
    bad = str(DATA / "bad/privileged.yaml")
    (tmp_path / "own.yaml").write_text("suppressions: []\n")
    (tmp_path / "known.json").write_text('{"version": 1, "findings": []}')
    ended = step(tmp_path, paths=bad, fail_on="never", config="own.yaml", baseline="known.json")
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = step(tmp_path, paths="--version", fail_on="never")
    assert ended.returncode == 1
    assert ended.stderr == "--version: does not exist\n"


def test_the_step_does_not_check_what_it_writes(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_bytes((DATA / "bad/privileged.yaml").read_bytes())
    ended = step(tmp_path, paths=".", sarif_file="x.sarif.json")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "in 1 files" in ended.stdout
    (result,) = json.loads((tmp_path / "x.sarif.json").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "privileged"


def test_the_hook_is_one_and_names_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (hook,) = load_manifest(ROOT / ".pre-commit-hooks.yaml")
    words = shlex.split(hook["entry"])
    assert words[0] == "fargate-sensor"
    for kind, code in (("good", 0), ("bad", 1)):
        monkeypatch.setattr(sys, "argv", [*words, str(DATA / kind / "privileged.yaml")])
        with pytest.raises(SystemExit) as ended:
            sys.exit(fargate_sensor())
        assert ended.value.code == code
    capsys.readouterr()
    (tmp_path / "tsconfig.json").write_text("// for the editor\n{}\n")
    monkeypatch.setattr(sys, "argv", [*words, str(tmp_path / "tsconfig.json")])
    assert fargate_sensor() == 0
    assert "tsconfig.json:1: not checked: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("task.json", True), ("a/b.yaml", True), ("c.yml", True), ("d.template", True), ("e.py", False)],
)
def test_the_hook_looks_at_what_a_directory_would_be_searched_for(name: str, wanted: bool) -> None:
    (hook,) = load_manifest(ROOT / ".pre-commit-hooks.yaml")
    assert (re.search(hook["files"], name) is not None) == wanted


def test_paths_after_two_dashes_are_no_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fail-on", "never", "--", "--verbose"]) == 1
    assert capsys.readouterr().err == "--verbose: does not exist\n"


class Terminal(io.StringIO):
    """Standard error as a terminal has it."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(120):
        (tmp_path / f"{number}.json").write_text("{}")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    assert main([str(tmp_path)]) == 0
    assert shown.getvalue() == "\r0 files\r50 files\r100 files\r\x1b[K"
