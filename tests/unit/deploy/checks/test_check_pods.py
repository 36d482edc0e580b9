"""What a container of a pod has from its pod, and what of it is its own."""

from pathlib import Path

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import run

MIGRATES, SIDECAR = "{name: a, image: a:1}", "{name: a, image: a:1, restartPolicy: Always}"


@pytest.mark.parametrize(
    ("check", "pod", "container", "found"),
    [
        ("root-user", "{runAsNonRoot: true}", "{}", False),
        ("root-user", "{runAsNonRoot: true}", "{runAsNonRoot: false}", True),
        ("root-user", "{runAsNonRoot: false}", "{runAsNonRoot: true}", False),
        ("root-user", "{runAsUser: 0}", "{runAsUser: 1000}", False),
        ("root-user", "{runAsUser: 1000}", "{runAsUser: 0}", True),
        ("writable-root", "{readOnlyRootFilesystem: true}", "{}", True),
    ],
)
def test_the_container_says_it_over_its_pod(tmp_path: Path, check: str, pod: str, container: str, found: bool) -> None:
    containers = f"[{{name: app, image: app:1, securityContext: {container}}}]"
    assert asked(tmp_path, check, f"securityContext: {pod}, containers: {containers}") == (["app"] if found else [])


@pytest.mark.parametrize(("first", "found"), [(MIGRATES, ["app"]), (SIDECAR, ["a", "app"])])
def test_what_ends_before_the_others_start_needs_no_health_check(tmp_path: Path, first: str, found: list[str]) -> None:
    spec = f"initContainers: [{first}], containers: [{{name: app, image: app:1}}]"
    assert asked(tmp_path, "no-health-check", spec) == found


def asked(tmp_path: Path, check: str, spec: str) -> list[str]:
    """The containers of a pod in which the check finds something."""
    (tmp_path / "p.yaml").write_text(f"apiVersion: v1\nkind: Pod\nspec: {{{spec}}}\n")
    result = run([one for one in catalog() if one.id == check], [tmp_path / "p.yaml"])
    assert (result.problems, result.undecided) == ([], 0)
    return [finding.subject.rpartition(" ")[2] for finding in result.findings]


@pytest.mark.parametrize(
    ("manifest", "subjects"),
    [
        ("apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: []}}}", 1),
        ("apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, spec: {containers: []}}]", 1),
        ("apiVersion: apps.kruise.io/v1, kind: StatefulSet, spec: {template: {spec: {containers: []}}}", 1),
        ("apiVersion: batch.volcano.sh/v1alpha1, kind: Job, spec: {template: some, tasks: []}", 0),
        ("apiVersion: apps.example.org/v1, kind: Deployment, spec: {template: {spec: {containers: {a: b}}}}", 0),
        ("apiVersion: example.org/v1, kind: AllowList, items: [10.0.0.0/8]", 0),
    ],
)
def test_a_kind_of_another_group_is_a_pods_only_by_its_shape(tmp_path: Path, manifest: str, subjects: int) -> None:
    (tmp_path / "m.yaml").write_text(f"{{{manifest}}}\n")
    result = run([], [tmp_path / "m.yaml"])
    assert (result.subjects, result.problems) == (subjects, [])
