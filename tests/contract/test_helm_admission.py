"""Which pods the API server asks the chart's webhook about, at which path, and what the webhook is told to put in."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import helm_chart
import pytest
from helm_chart import NAMESPACE, PREFIX, VALUE_SETS, environment, objects, one

from ingest import config

WHOLE, REDUCED = "/mutate", "/mutate/same-uid"
ASKED, REFUSED = {"fargate-sensor/inject": "true"}, {"fargate-sensor/inject": "false"}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
BASELINE = {"pod-security.kubernetes.io/enforce": "baseline"}
SEGMENT = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
Labels = Mapping[str, str]


@pytest.fixture(scope="module", autouse=True)
def _helm(need) -> None:
    helm_chart.engine(need)


def webhooks(name: str) -> list[dict[str, Any]]:
    """What is configured for one of the sets."""
    (found,) = (each for each in objects(name) if each["kind"] == "MutatingWebhookConfiguration")
    listed: list[dict[str, Any]] = found["webhooks"]
    return listed


def holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    """As the API server reads a requirement: NotIn holds where the label is missing."""
    has, value = expression["key"] in labels, labels.get(expression["key"])
    return {
        "In": has and value in expression.get("values", []),
        "NotIn": value not in expression.get("values", []),
        "Exists": has,
        "DoesNotExist": not has,
    }[expression["operator"]]


def asked_at(name: str, namespace: str, of_namespace: Labels, of_pod: Labels) -> list[str]:
    """The paths at which the webhook is asked about a pod."""
    labels = {"kubernetes.io/metadata.name": namespace, **of_namespace}
    return [
        each["clientConfig"]["service"]["path"]
        for each in webhooks(name)
        if all(holds(one, labels) for one in each["namespaceSelector"]["matchExpressions"])
        and all(holds(one, of_pod) for one in each["objectSelector"]["matchExpressions"])
    ]


@pytest.mark.parametrize("name", VALUE_SETS)
@pytest.mark.parametrize("namespace", ["kube-system", NAMESPACE])
def test_kube_system_and_its_own_namespace_are_never_asked_about(name, namespace):
    assert asked_at(name, namespace, ASKED, ASKED) == []
    assert asked_at(name, namespace, ASKED | RESTRICTED, ASKED) == []


@pytest.mark.parametrize(
    ("name", "namespace", "of_namespace", "of_pod", "paths"),
    [
        ("least", "shop", {}, {}, []),
        ("least", "shop", ASKED, {}, [WHOLE]),
        ("least", "shop", ASKED | BASELINE, {}, [WHOLE]),
        ("least", "shop", ASKED | RESTRICTED, {}, [REDUCED]),
        ("least", "shop", ASKED, REFUSED, []),
        ("least", "shop", {}, ASKED, []),
        ("least", "kube-public", ASKED, {}, []),
        ("opt_out", "shop", {}, {}, [WHOLE]),
        ("opt_out", "shop", RESTRICTED, {}, [REDUCED]),
        ("opt_out", "shop", REFUSED, {}, []),
        ("opt_out", "shop", {}, REFUSED, []),
        ("opt_out", "ops", ASKED, ASKED, []),
        ("opt_out", "kube-public", {}, {}, [WHOLE]),
        ("opt_in_pods", "shop", ASKED, {}, []),
        ("opt_in_pods", "shop", ASKED, ASKED, [WHOLE]),
        ("kinesis_as_root", "shop", ASKED | RESTRICTED, {}, [WHOLE]),
        ("same_uid_native", "shop", ASKED, {}, [WHOLE]),
        ("everything", "shop", ASKED, {}, []),
        ("everything", "shop", ASKED | {"team": "shop"}, {}, [WHOLE]),
        ("everything", "shop", ASKED | {"team": "shop"}, {"batch": "1"}, []),
    ],
)
def test_who_is_asked_about_and_where(name, namespace, of_namespace, of_pod, paths):
    assert asked_at(name, namespace, of_namespace, of_pod) == paths


@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_webhook_can_stop_nothing_unless_that_is_wanted(name):
    for each in webhooks(name):
        assert each["failurePolicy"] == ("Fail" if name == "opt_in_pods" else "Ignore")
        assert each["reinvocationPolicy"] == "IfNeeded"
        assert each["sideEffects"] == "None"
        assert each["admissionReviewVersions"] == ["v1"]
        assert 1 <= each["timeoutSeconds"] <= 30
        (rule,) = each["rules"]
        assert (rule["operations"], rule["resources"], rule["scope"]) == (["CREATE"], ["pods"], "Namespaced")


@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_api_server_takes_names_and_paths(name):
    """A service's path is made of DNS names and has no query (apiserver, webhook/validation.go)."""
    for each in webhooks(name):
        service = each["clientConfig"]["service"]
        assert all(SEGMENT.fullmatch(segment) for segment in service["path"].split("/")[1:])
        assert len(each["name"].split(".")) >= 3
        made = [one for one in objects(name) if one["kind"] == "Service"]
        assert service["name"] in {one["metadata"]["name"] for one in made}
        assert (service["namespace"], service["port"]) == (NAMESPACE, 443)
    assert len({each["name"] for each in webhooks(name)}) == len(webhooks(name))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("least", f"{PREFIX}-webhook-tls"),
        ("cert_manager", f"{PREFIX}-webhook-certificate"),
        ("existing_certificate", "webhook-tls"),
    ],
)
def test_the_certificate_that_is_served_is_the_one_that_is_trusted(name, secret):
    made = objects(name)
    pod = one("Deployment", "-webhook", made)["spec"]["template"]["spec"]
    assert [each["secret"]["secretName"] for each in pod["volumes"]] == [secret]
    (configured,) = (each for each in made if each["kind"] == "MutatingWebhookConfiguration")
    bundles = {each["clientConfig"].get("caBundle") for each in configured["webhooks"]}
    if name == "cert_manager":
        issuer, certificate = one("Issuer", "-webhook", made), one("Certificate", "-webhook-certificate", made)
        assert certificate["spec"]["secretName"] == secret
        assert certificate["spec"]["issuerRef"]["name"] == issuer["metadata"]["name"]
        assert configured["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/{secret}"}
        assert bundles == {None}
    elif name == "existing_certificate":
        assert bundles == {base64.b64encode(helm_chart.PEM.encode()).decode()}
        assert "Secret" not in {each["kind"] for each in made}
    else:
        assert bundles == {one("Secret", "-webhook-tls", made)["data"]["ca.crt"]}


def test_cert_managers_renewal_changes_what_is_served_and_not_what_is_trusted():
    """cainjector writes `ca.crt` of the served secret, which is the issuer's certificate (cert-manager.io/docs)."""
    made = objects("cert_manager")
    served, authority = (
        one("Certificate", "-webhook-certificate", made)["spec"],
        one("Certificate", "-webhook-ca", made),
    )
    signer = one("Issuer", "-webhook", made)["spec"]
    assert served["issuerRef"]["name"] == f"{PREFIX}-webhook"
    assert signer == {"ca": {"secretName": authority["spec"]["secretName"]}}
    assert authority["spec"]["isCA"] is True
    assert authority["spec"]["privateKey"]["rotationPolicy"] == "Never"
    assert one("Issuer", "-webhook-ca", made)["spec"] == {"selfSigned": {}}
    assert authority["spec"]["issuerRef"]["name"] == f"{PREFIX}-webhook-ca"
    ninety_days_h = 90 * 24  # what cert-manager gives where no duration is said
    assert int(authority["spec"]["renewBefore"][:-1]) > ninety_days_h
    assert int(authority["spec"]["duration"][:-1]) > 5 * 365 * 24


def test_an_issuer_that_is_given_is_the_only_one():
    made = objects("cert_manager_issuer")
    assert "Issuer" not in {each["kind"] for each in made}
    (served,) = (each["spec"] for each in made if each["kind"] == "Certificate")
    assert served["issuerRef"] == {"name": "own", "kind": "Other", "group": "cert-manager.io"}


def webhook(name: str) -> dict[str, Any]:
    """The container of the webhook."""
    (container,) = one("Deployment", "-webhook", objects(name))["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def told(name: str) -> dict[str, str]:
    """The environment of the webhook."""
    return environment(webhook(name))


def test_the_webhook_is_told_what_to_put_in():
    least = told("least")
    assert re.fullmatch(r"1\.\d+", least.pop("FARGATE_SENSOR_CLUSTER_VERSION"))
    assert least == {
        "FARGATE_SENSOR_IMAGE": "registry.example.org/fargate-sensor:0.1.0",
        "FARGATE_SENSOR_INGEST_URL": "https://ingest.example.org",
        "FARGATE_SENSOR_MODE": "auto",
        "FARGATE_SENSOR_SECURITY": "root",
        "FARGATE_SENSOR_SPOOL": "true",
        "FARGATE_SENSOR_OPT": "out",
    }


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("kinesis_as_root", "FARGATE_SENSOR_DESTINATIONS", "kinesis:stream,stdout"),
        ("same_uid_native", "FARGATE_SENSOR_SECURITY", "same-uid"),
        ("same_uid_native", "FARGATE_SENSOR_MODE", "native"),
        ("same_uid_native", "FARGATE_SENSOR_SPOOL", "false"),
        ("opt_in_pods", "FARGATE_SENSOR_OPT", "in"),
        ("ingest_with_tokens", "FARGATE_SENSOR_TOKEN_SECRET", "fargate-sensor/token"),
        ("ingest_with_tokens", "FARGATE_SENSOR_INGEST_URL", f"http://{PREFIX}-ingest.{NAMESPACE}.svc:8080"),
        ("ingest_for_ecs", "FARGATE_SENSOR_INGEST_URL", "https://ingest.example.org"),
        ("everything", "FARGATE_SENSOR_PULL_SECRETS", "registry"),
        ("dollars", "FARGATE_SENSOR_DESTINATIONS", "s3:events/$$(x)$$$$"),
    ],
)
def test_values_become_variables(name, variable, value):
    assert told(name)[variable] == value


def test_more_variables_are_arguments_that_kubernetes_does_not_expand():
    assert webhook("everything")["args"][-2:] == ["--env=SENSOR_DAILY_MB=20", "--env=SENSOR_DROP_PATHS=/data/$$(x)$$$$"]


def test_resources_are_told_as_json():
    said = json.loads(told("everything")["FARGATE_SENSOR_RESOURCES"])
    assert said == {"requests": {"memory": "64Mi"}, "limits": {"cpu": "100m"}}


def settings(name: str) -> dict[str, str]:
    """The environment of the ingest."""
    (container,) = one("StatefulSet", "-ingest", objects(name))["spec"]["template"]["spec"]["containers"]
    return environment(container)


def test_the_ingest_lets_pods_of_the_cluster_log_in():
    said = settings("ingest_on_eks")
    assert said["INGEST_HOSTS"] == f"{PREFIX}-ingest.{NAMESPACE}.svc"
    assert said["INGEST_KUBERNETES_ISSUERS"] == helm_chart.ISSUER
    assert said["INGEST_KUBERNETES_SERVICE_ACCOUNTS"] == "shop/*"
    assert "INGEST_WRITE_TOKEN_FILE" not in said
    assert settings("ingest_for_ecs")["INGEST_AWS_ACCOUNTS"] == "123456789012"


@pytest.mark.parametrize("name", [name for name, each in VALUE_SETS.items() if each.get("ingest", {}).get("enabled")])
def test_the_ingest_takes_its_settings(name, tmp_path):
    """As the container would: the files are where the volumes put them."""
    said = settings(name)
    for variable, path in said.items():
        if variable.endswith("_FILE"):
            there = tmp_path / path.rpartition("/")[2]
            there.write_text('{"keys": []}' if variable.endswith("KEYS_FILE") else there.name * 5, encoding="ascii")
            said[variable] = str(there)
    loaded = config.from_environment(said)
    assert f"{PREFIX}-ingest.{NAMESPACE}.svc" in loaded.hosts


def test_a_volume_keeps_what_the_ingest_stores_where_that_is_wanted():
    kept = one("StatefulSet", "-ingest", objects("ingest_on_eks"))["spec"]
    (claim,) = kept["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "gp3"
    passing = one("StatefulSet", "-ingest", objects("ingest_on_kind"))["spec"]
    assert "volumeClaimTemplates" not in passing
    assert {"name": "data", "emptyDir": {}} in passing["template"]["spec"]["volumes"]
