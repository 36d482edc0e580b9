"""Charts that are not rendered: what was not checked is told, and what is not known is not judged."""

from pathlib import Path

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.command import main
from deploy.checks.engine import run

HOLES = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\nspec: {}\n"
GOOD = Path(__file__).parents[3] / "data/checks/good/added-capabilities.yaml"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "shop/templates").mkdir(parents=True)
    (tmp_path / "shop/Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (tmp_path / "shop/templates/pod.yaml").write_text(HOLES)
    return tmp_path


def test_a_chart_that_is_come_upon_is_told_and_fails_nothing(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(chart)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{chart}/shop/templates: not checked: ")
    assert "helm template" in line


def test_a_template_that_is_named_is_a_problem(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = chart / "shop/templates/pod.yaml"
    assert main([str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{file}:4: ")
    assert "helm template" in line


@pytest.mark.parametrize("name", ["pod.yaml", "tests/job.yaml"])
def test_a_template_that_a_hook_hands_over_is_told_once_and_fails_nothing(
    chart: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    file = chart / "shop/templates" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(HOLES)
    assert main(["--pass-over", str(file), str(file)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{chart}/shop/templates: not checked: ")


def test_templates_of_no_chart_are_checked(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CloudFormation's often lie in a folder of this name."""
    (chart / "shop/Chart.yaml").unlink()
    (chart / "shop/templates/pod.yaml").write_text(HOLES.replace("{{ .Release.Name }}", "shop"))
    assert main(["--pass-over", str(chart / "shop/templates/pod.yaml")]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "in 1 files: 1 tasks" in told.out


def test_braces_that_are_no_chart_s_are_just_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: {{ b }}\n")
    (problem,) = run(catalog(), [tmp_path / "a.yaml"]).problems
    assert problem.text == "a key that is a list or a mapping"


@pytest.mark.parametrize(
    ("line", "hole"),
    [
        ("image: registry.example.org/shop/orders:2.14.0", 'image: "{{ .Values.image }}"'),
        ("runAsUser: 10001", 'runAsUser: "{{ .Values.user }}"'),
        ("readOnlyRootFilesystem: true", 'readOnlyRootFilesystem: "{{ .Values.readOnly }}"'),
        ("shareProcessNamespace: true", 'shareProcessNamespace: "{{ .Values.shared }}"'),
    ],
)
def test_a_hole_in_what_happens_to_be_yaml_is_unknown(tmp_path: Path, line: str, hole: str) -> None:
    text = GOOD.read_text()
    assert line in text
    (tmp_path / "pod.yaml").write_text(text.replace(line, hole, 1))
    result = run(catalog(), [tmp_path / "pod.yaml"])
    assert [finding.flaw.text for finding in result.findings] == []
    assert result.undecided
    assert not result.problems
