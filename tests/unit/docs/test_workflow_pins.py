"""Actions that workflows run are named by commit, with the version from which Dependabot goes on."""

import re

import pytest
import yaml
from document_shell import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"(- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_whoever_moves_a_tag_runs_nothing_here(path):
    uses = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"\buses:", line)]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line.strip())] == []


def test_one_action_has_one_commit():
    pins = {found for path in WORKFLOWS for found in re.findall(r"uses: (\S+)@(\S+)", path.read_text(encoding="utf-8"))}
    assert len(pins) == len(dict(pins))


def test_newer_commits_are_proposed():
    watched = yaml.safe_load((PROJECT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert [each["package-ecosystem"] for each in watched] == ["github-actions"]
