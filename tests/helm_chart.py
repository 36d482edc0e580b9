"""The chart, the values that it is tried with, and what Helm's own engine makes of them."""

import json
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from kubernetes_api import Cluster

CHART = Path(__file__).parents[1] / "helm" / "fargate-sensor"
RELEASE, NAMESPACE = "watch", "security"
PREFIX = "watch-fargate-sensor"
DIGEST = "sha256:" + "0123456789abcdef" * 4
ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
Json = dict[str, Any]


def values(**more: Any) -> Json:
    """The least that the chart needs, with more over it; sections are merged, `__` goes down into one."""
    made: Json = {
        "image": {"repository": "registry.example.org/fargate-sensor-ingest"},
        "sensor": {"image": {"repository": "registry.example.org/fargate-sensor"}},
    }
    for path, value in more.items():
        *sections, last = path.split("__")
        there = made
        for section in sections:
            there = there.setdefault(section, {})
        there[last] = value
    return made


URL = {"sensor__ingestUrl": "https://ingest.example.org"}
EXISTING = {"certificates__source": "existing", "certificates__existing__secretName": "webhook-tls"}
VALUE_SETS: dict[str, Json] = {
    "least": values(**URL),
    "kinesis_as_root": values(sensor__destinations=["kinesis:stream", "stdout"], sensor__security="root"),
    "same_uid_native": values(**URL, sensor__security="same-uid", sensor__mode="native", sensor__spool=False),
    "opt_out": values(**URL, injection__namespaces="all", injection__excludedNamespaces=["ops"]),
    "opt_in_pods": values(**URL, injection__pods="labelled", injection__failurePolicy="Fail"),
    "digests": values(**URL, image__digest=DIGEST, sensor__image__digest=DIGEST, sensor__image__tag="1"),
    "cert_manager": values(**URL, certificates__source="certManager"),
    "cert_manager_issuer": values(
        **URL, certificates__source="certManager", certificates__certManager__issuerRef={"name": "own", "kind": "Other"}
    ),
    "existing_certificate": values(**URL, **EXISTING, certificates__existing__caBundle=PEM),
    "existing_certificate_injected": values(**URL, **EXISTING),
    "ingest_on_eks": values(
        ingest__enabled=True,
        ingest__kubernetes={"issuers": [ISSUER], "serviceAccounts": ["shop/*"]},
        ingest__service={"type": "LoadBalancer", "annotations": {"example.org/scheme": "internal"}},
        ingest__persistence__storageClassName="gp3",
    ),
    "ingest_on_kind": values(
        ingest__enabled=True,
        ingest__kubernetes={"issuers": ["https://kubernetes.default.svc.cluster.local"], "keys": '{"keys": []}'},
        ingest__persistence__enabled=False,
    ),
    "ingest_with_tokens": values(
        ingest__enabled=True,
        ingest__writeToken=True,
        ingest__existingSecret="tokens",
        sensor__tokenSecret={"name": "fargate-sensor", "key": "token"},
    ),
    "ingest_for_ecs": values(**URL, ingest__enabled=True, ingest__aws={"accounts": ["123456789012"]}),
    "one_replica_unprotected": values(**URL, webhook__replicas=1, networkPolicy__enabled=False),
    "monitored": values(
        ingest__enabled=True,
        ingest__kubernetes__issuers=[ISSUER],
        serviceMonitor={"enabled": True, "labels": {"release": "prometheus"}},
        networkPolicy__ingestFrom=[{"namespaceSelector": {"matchLabels": {"team": "shop"}}}],
    ),
    "everything": values(
        **URL,
        sensor__variables={"SENSOR_DAILY_MB": "20", "SENSOR_DROP_PATHS": "/data/$(x)$$"},
        sensor__destinations=["s3:events/x"],
        sensor__resources={"requests": {"memory": "64Mi"}, "limits": {"cpu": "100m"}},
        sensor__pullSecrets=["registry"],
        imagePullSecrets=["registry"],
        injection__namespaceExpressions=[{"key": "team", "operator": "In", "values": ["shop"]}],
        injection__podExpressions=[{"key": "batch", "operator": "DoesNotExist"}],
        webhook={
            "podAnnotations": {"example.org/a": "b"},
            "podLabels": {"team": "security", "app.kubernetes.io/name": "another"},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
            "priorityClassName": "system-cluster-critical",
            "serviceAccountAnnotations": {"example.org/c": "d"},
        },
        ingest={
            "enabled": True,
            "writeToken": True,
            "hosts": ["ingest.example.org"],
            "podAnnotations": {"example.org/a": "b"},
            "podLabels": {"team": "security", "app.kubernetes.io/component": "another"},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"operator": "Exists"}],
            "serviceAccountAnnotations": {"example.org/c": "d"},
        },
        **{"global": {"anything": "of a parent chart"}},
    ),
    "dollars": values(**URL, sensor__destinations=["s3:events/$(x)$$"]),
    "long_names": values(**URL, fullnameOverride="a" * 253, nameOverride="b-" * 26 + "b"),
}


def engine(need: Any) -> Any:
    """Helm's engine, as a module."""
    try:
        import helm_python
    except (ImportError, OSError) as error:  # a wheel for this machine, or the C library that it was built for
        need(False, f"helm-python-sdk: {error}")
    return helm_python


@cache
def rendered(name: str) -> str:
    """The manifests of one of the sets. Each is made once: certificates take time."""
    return manifests(VALUE_SETS[name])


def manifests(given: Json, release: str = RELEASE, namespace: str = NAMESPACE) -> str:
    """What `helm template` prints. Raises `HelmRenderError`, and `ValueError` where the schema refuses the values."""
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        made = chart.render(given, name=release, namespace=namespace)
    return "\n---\n".join(text for path, text in made.items() if path.endswith(".yaml"))


def objects(name: str) -> list[Json]:
    """What `rendered` has in it."""
    return deepcopy(_parsed(name))


@cache
def _parsed(name: str) -> list[Json]:
    return [one for one in yaml.safe_load_all(rendered(name)) if one]


def one(kind: str, ending: str, among: list[Json]) -> Json:
    """The object of a kind, `PREFIX` and this ending."""
    (found,) = (one for one in among if one["kind"] == kind and one["metadata"]["name"] == PREFIX + ending)
    return found


def templates(among: list[Json]) -> Iterator[Json]:
    """The pods, and the templates of pods in others."""
    for each in among:
        if each["kind"] == "Pod":
            yield each
        elif "template" in each.get("spec", {}):
            yield each["spec"]["template"]


def environment(container: Json) -> dict[str, str]:
    """The variables of a container that have a value."""
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


@contextmanager
def connected(helm: Any, cluster: Cluster) -> Iterator[Any]:
    """Helm with this cluster, its releases in memory. What it keeps of the cluster it may write where we are: beside
    others (pytest-xdist) it does not see HOME."""
    there = {"name": "stand-in"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [there | {"cluster": {"server": cluster.url}}],
        "users": [there | {"user": {}}],
        "contexts": [there | {"context": {"cluster": "stand-in", "user": "stand-in"}}],
        "current-context": "stand-in",
    }
    with (
        TemporaryDirectory() as folder,
        chdir(folder),
        helm.Config(kubeconfig_content=json.dumps(config), namespace=NAMESPACE, storage_driver="memory") as made,
    ):
        yield made
