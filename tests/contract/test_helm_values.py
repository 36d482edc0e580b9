"""What the schema of the chart's values refuses, before anything is rendered."""

import re
from collections.abc import Iterator
from functools import reduce
from typing import Any

import helm_chart
import pytest
import yaml
from helm_chart import CHART, ISSUER, PEM, URL, VALUE_SETS, manifests, values

KNOWN_NOWHERE = "securityy"


@pytest.fixture(scope="module")
def helm(need) -> Any:
    return helm_chart.engine(need)


@pytest.fixture(scope="module")
def chart(helm) -> Iterator[Any]:
    with helm.Chart.load(CHART) as loaded:
        yield loaded


def sections(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all the maps of the default values."""
    if isinstance(node, dict):
        yield path
        for key, value in node.items():
            yield from sections(value, (*path, key))


DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
FREE = {
    ("sensor", "variables"),
    *((part, key) for part in ("webhook", "ingest") for key in ("podAnnotations", "podLabels", "nodeSelector")),
    *((part, "serviceAccountAnnotations") for part in ("webhook", "ingest")),
    ("ingest", "service", "annotations"),
    ("serviceMonitor", "labels"),
}
"""Maps whose keys are the user's own."""


@pytest.mark.parametrize("path", sorted(set(sections(DEFAULTS)) - FREE), ids=".".join)
def test_an_unknown_key_is_refused(chart, path):
    with pytest.raises(ValueError, match=KNOWN_NOWHERE):
        chart.validate_schema(values(**{"__".join((*path, KNOWN_NOWHERE)): "root"}))


@pytest.mark.parametrize("path", sorted(FREE), ids=".".join)
def test_keys_that_are_free_hold_text(chart, path):
    chart.validate_schema(values(**{"__".join(path): {"SENSOR_LOG_LEVEL": "text"}}))
    with pytest.raises(ValueError, match=path[-1]):
        chart.validate_schema(values(**{"__".join(path): {"SENSOR_LOG_LEVEL": 1}}))


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all keys of the default values."""
    for key, value in node.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


SAID = re.compile(r"missing property|is not set|would go nowhere|nobody could write")


@pytest.mark.parametrize("path", list(leaves(DEFAULTS)), ids=".".join)
def test_null_is_nothing_or_is_refused_in_words(helm, path):
    """`--set KEY=null` takes the default away (helm.sh/docs/chart_template_guide/values_files)."""
    given = values(
        **({"ingest__enabled": True, "ingest__kubernetes__issuers": [ISSUER]} if path[0] == "ingest" else URL)
    )
    *sections, last = path
    reduce(lambda there, section: there.setdefault(section, {}), sections, given)[last] = None
    made, refused = outcome(helm, given)
    assert SAID.search(refused) if refused else not re.search(r"<nil>|<no value>|\bnull\b", made)


def outcome(helm: Any, given: dict[str, Any]) -> tuple[str, str]:
    """The manifests, or why there are none."""
    try:
        return manifests(given), ""
    except (ValueError, helm.HelmRenderError) as error:
        return "", str(error)


@pytest.mark.parametrize("name", VALUE_SETS)
def test_what_is_sound_is_taken(chart, name):
    chart.validate_schema(VALUE_SETS[name])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image__repository", "name@sha256:0"),
        ("image__tag", "a:b"),
        ("image__digest", "sha256:abc"),
        ("image__pullPolicy", "Sometimes"),
        ("imagePullSecrets", [{"name": "registry"}]),
        ("sensor__ingestUrl", "ingest.example.org"),
        ("sensor__ingestUrl", "https://user@ingest.example.org"),
        ("sensor__destinations", ["kafka:topic"]),
        ("sensor__destinations", ["sqs:one,two"]),
        ("sensor__mode", "sidecar"),
        ("sensor__security", "privileged"),
        ("sensor__spool", "true"),
        ("sensor__variables", {"PATH": "/"}),
        ("sensor__variables", {"SENSOR_INGEST_TOKEN": "it would stand in the Deployment"}),
        ("sensor__resources", {"limits": {"nvidia.com/gpu": 1}}),
        ("sensor__resources", {"requests": {"cpu": "abc"}}),
        ("sensor__resources", {"requests": {"cpu": "-1"}}),
        ("sensor__resources", {"requests": {"cpu": -1}}),
        ("webhook__resources", {"limits": {"memory": "64 Mi"}}),
        ("ingest__resources", {"limits": {"memory": "64MB"}}),
        ("injection__namespaces", "some"),
        ("injection__timeoutSeconds", 31),
        ("injection__timeoutSeconds", 0),
        ("injection__podExpressions", [{"key": "a", "operator": "Equals"}]),
        ("injection__podExpressions", [{"key": "a", "operator": "Exists", "value": "b"}]),
        ("webhook__replicas", 0),
        ("webhook__replicas", "2"),
        ("webhook__tolerations", [{"key": "a", "operator": "Exists", "effects": "NoSchedule"}]),
        ("certificates__source", "vault"),
        ("certificates__existing__caBundle", "LS0tLS1CRUdJTg=="),
        ("ingest__aws__accounts", ["shop"]),
        ("ingest__aws__accounts", [123456789012]),
        ("ingest__retention__bytes", "much"),
        ("ingest__persistence__size", "10 GB"),
        ("networkPolicy__ingestFrom", [{"podselector": {}}]),
        ("serviceMonitor__interval", "often"),
    ],
)
def test_a_wrong_value_is_refused(chart, path, value):
    with pytest.raises(
        ValueError, match="invalid propertyName" if path == "sensor__variables" else path.split("__")[-1]
    ):
        chart.validate_schema(values(**{path: value}))


@pytest.mark.parametrize("quantity", ["10m", "0.5", ".5", "1e3", "64Mi", "1.5Gi", "1k", 1, 0.25])
def test_a_quantity_is_what_kubernetes_takes_for_one(chart, quantity):
    chart.validate_schema(values(sensor__resources={"requests": {"cpu": quantity, "memory": quantity}}))


def test_a_certificate_is_written_as_it_stands_in_its_file(chart):
    chart.validate_schema(values(certificates__existing__caBundle=PEM))
