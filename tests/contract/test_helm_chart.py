"""The chart as Helm's own engine renders it: Kubernetes takes all of it, and so does Pod Security `restricted`."""

from typing import Any

import helm_chart
import jsonschema
import pytest
import yaml
from helm_chart import CHART, DIGEST, ISSUER, NAMESPACE, PREFIX, URL, VALUE_SETS, objects, one, templates, values
from kubernetes_schemas import NEWEST, OLDEST, refuse

from deploy.checks.catalog import catalog
from deploy.checks.engine import run
from sensor import __version__

WARNING = 2
LABELS = {
    "app.kubernetes.io/name": "fargate-sensor",
    "app.kubernetes.io/instance": "watch",
    "app.kubernetes.io/version": __version__,
    "app.kubernetes.io/managed-by": "Helm",
    "helm.sh/chart": "fargate-sensor-0.1.0",
}
CLUSTER_WIDE = ("MutatingWebhookConfiguration",)
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
EXPLAINED = {
    ("no-health-check", "first-review", ""),  # a test that runs once
}
every_set = pytest.mark.parametrize("name", VALUE_SETS)


@pytest.fixture(scope="module", autouse=True)
def helm(need) -> Any:
    return helm_chart.engine(need)


@every_set
def test_lint_has_nothing_to_say(helm, name):
    report = helm.lint(CHART, VALUE_SETS[name], strict=True, namespace=NAMESPACE)
    assert [each for each in report["messages"] if each["severity"] >= WARNING] == []
    assert report["errors"] == []


@every_set
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_object(name, version):
    for each in objects(name):
        refuse(each, version)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_an_unknown_field_would_be_noticed(version):
    deployment = one("Deployment", "-webhook", objects("least"))
    deployment["spec"]["template"]["spec"]["containers"][0]["securitycontext"] = {}
    with pytest.raises(jsonschema.ValidationError, match="securitycontext"):
        refuse(deployment, version)


def test_an_unknown_field_of_an_others_kind_would_be_noticed():
    monitor = one("ServiceMonitor", "-ingest", objects("monitored"))
    monitor["spec"]["endpoints"][0]["intervall"] = "30s"
    with pytest.raises(jsonschema.ValidationError, match="intervall"):
        refuse(monitor, NEWEST)


NUMBER = "12345"
NUMBERED = values(
    nameOverride=NUMBER,
    imagePullSecrets=[NUMBER],
    webhook__priorityClassName=NUMBER,
    serviceMonitor__enabled=True,
    ingest__enabled=True,
    ingest__kubernetes__issuers=[ISSUER],
    ingest__existingSecret=NUMBER,
    ingest__persistence__storageClassName=NUMBER,
)
"""What people name, named by a number."""


@pytest.mark.parametrize(
    "certificates",
    [
        {"source": "generated"},
        {"source": "certManager"},
        {"source": "certManager", "certManager": {"issuerRef": {"name": NUMBER, "kind": NUMBER, "group": NUMBER}}},
        {"source": "existing", "existing": {"secretName": NUMBER}},
    ],
    ids=["generated", "own_issuer", "given_issuer", "existing"],
)
def test_a_name_that_is_a_number_stays_a_name(certificates):
    made = helm_chart.manifests(NUMBERED | {"certificates": certificates}, release=NUMBER, namespace=NUMBER)
    for each in yaml.safe_load_all(made):
        if each:
            refuse(each, NEWEST)


@every_set
def test_names_and_labels_are_those_of_a_helm_chart(name):
    long = name == "long_names"
    for each in objects(name):
        metadata = each["metadata"]
        assert len(metadata["name"]) <= 63
        assert metadata["name"].startswith("a" * 44 if long else PREFIX)
        assert metadata.get("namespace") == (None if each["kind"] in CLUSTER_WIDE else NAMESPACE)
        assert metadata["labels"]["app.kubernetes.io/component"] in ("webhook", "ingest", "test")
        assert all(len(value) <= 63 for value in metadata["labels"].values())
        assert long or LABELS.items() <= metadata["labels"].items()


@every_set
def test_selectors_find_their_pods_and_no_others(name):
    made = objects(name)
    pods = [each["metadata"]["labels"] for each in templates(made)]
    for each in made:
        spec = each.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector")
        if selector and each["kind"] != "ServiceMonitor":
            wanted = selector.get("matchLabels", selector)
            found = [labels for labels in pods if wanted.items() <= labels.items()]
            assert [labels["app.kubernetes.io/component"] for labels in found] == [
                each["metadata"]["labels"]["app.kubernetes.io/component"]
            ]


@every_set
def test_pod_security_restricted_takes_every_pod(name):
    """kubernetes.io/docs/concepts/security/pod-security-standards, the whole of `restricted`."""
    for template in templates(objects(name)):
        spec = template["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & spec.keys()
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for volume in spec.get("volumes", []):
            assert len(RESTRICTED_VOLUMES & volume.keys()) == 1
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not any("hostPort" in port for port in container.get("ports", []))
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@every_set
def test_no_role_is_made(name):
    assert {each["kind"] for each in objects(name)}.isdisjoint({"Role", "ClusterRole", "ClusterRoleBinding"})


@every_set
def test_check_finds_nothing_that_is_not_explained(name, tmp_path):
    (tmp_path / "chart.yaml").write_text(helm_chart.rendered(name), encoding="utf-8")
    result = run(catalog(), [tmp_path / "chart.yaml"])
    assert not result.problems
    found = {(finding.check.id, finding.subject.rpartition(" ")[2], finding.flaw.key) for finding in result.findings}
    assert found <= EXPLAINED


def test_an_image_may_be_named_by_its_digest():
    deployment = one("Deployment", "-webhook", objects("digests"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.org/fargate-sensor-ingest@{DIGEST}"
    injected = helm_chart.environment(container)["FARGATE_SENSOR_IMAGE"]
    assert injected == f"registry.example.org/fargate-sensor:1@{DIGEST}"


def test_two_pods_keep_apart_and_one_stays():
    made = objects("least")
    deployment = one("Deployment", "-webhook", made)["spec"]
    assert deployment["replicas"] == 2
    assert one("PodDisruptionBudget", "-webhook", made)["spec"]["maxUnavailable"] == 1
    apart = deployment["template"]["spec"]["affinity"]["podAntiAffinity"]
    assert list(apart) == ["preferredDuringSchedulingIgnoredDuringExecution"]
    alone = objects("one_replica_unprotected")
    assert not {"PodDisruptionBudget", "NetworkPolicy"} & {each["kind"] for each in alone}


README = (CHART / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ({}, True),
        (None, True),
        ({"requests": {"memory": "64Mi"}}, True),
        (yaml.safe_load(README.split("```yaml\n")[1].split("```")[0])["sensor"]["resources"], False),
    ],
    ids=["none", "null", "memory_alone", "as_the_readme_says"],
)
def test_notes_warn_of_autoscalers_and_quotas_where_the_sensor_requests_nothing(helm, resources, told):
    with helm.Chart.load(CHART) as chart:
        made = chart.render(values(**URL, sensor__resources=resources), name="watch", namespace=NAMESPACE)
    assert ("HorizontalPodAutoscaler" in made["fargate-sensor/templates/NOTES.txt"]) is told


def test_the_chart_is_of_this_version(helm):
    with helm.Chart.load(CHART) as chart:
        assert chart.metadata["appVersion"] == __version__


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "image.repository is not set"),
        (values(), "events would go nowhere"),
        ({"image": {"repository": "r"}, "sensor": {"ingestUrl": "http://i"}}, "sensor.image.repository is not set"),
        (values(certificates__source="existing", sensor__ingestUrl="http://i"), "existing.secretName is not set"),
        (values(**URL, certificates__generated={"days": 365}), "each upgrade would make a new certificate"),
        (values(ingest__enabled=True), "nobody could write to the ingest"),
        (values(ingest__enabled=True, ingest__writeToken=True), "pods could not write to the ingest"),
    ],
)
def test_what_is_missing_is_said(helm, given, message):
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmRenderError, match=message):
        chart.render(given, name="watch", namespace=NAMESPACE)
