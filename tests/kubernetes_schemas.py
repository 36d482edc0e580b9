"""What Kubernetes takes, unknown fields refused: its own kinds by its schemas, three others by what is written here.

The schemas are read here and not by `kubernetes_validate.validate`, which parses 1.5 MB of definitions for each object.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

OLDEST, NEWEST = "1.25", "1.37"
TEXT, TEXTS = {"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}


def _strict(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _kind(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _strict(["name", "namespace"], name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS)
    return _strict(["apiVersion", "kind", "metadata", "spec"], apiVersion=TEXT, kind=TEXT, metadata=metadata, spec=spec)


def _texts(*choices: str) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": {"enum": list(choices)} if choices else TEXT}


def _certificate(required: list[str], **properties: Any) -> dict[str, Any]:
    hours = {"type": "string", "pattern": "^[0-9]+h$"}
    return _strict(
        ["secretName", "issuerRef", *required],
        secretName=TEXT,
        duration=hours,
        renewBefore=hours,
        privateKey=_strict(
            [],
            rotationPolicy={"enum": ["Never", "Always"]},
            algorithm={"enum": ["RSA", "ECDSA"]},
            size={"type": "integer"},
        ),
        issuerRef=_strict(["name"], name=TEXT, kind=TEXT, group=TEXT),
        **properties,
    )


OTHERS = {
    # cert-manager.io/docs/reference/api-docs, as far as the chart writes it
    "cert-manager.io/v1 Issuer": _kind(
        {
            "oneOf": [
                _strict(["selfSigned"], selfSigned=_strict([])),
                _strict(["ca"], ca=_strict(["secretName"], secretName=TEXT)),
            ]
        }
    ),
    "cert-manager.io/v1 Certificate": _kind(
        {
            "oneOf": [
                _certificate(
                    ["dnsNames"],
                    dnsNames=_texts(),
                    usages=_texts("digital signature", "key encipherment", "server auth"),
                ),
                _certificate(
                    ["commonName", "isCA"], commonName={"type": "string", "maxLength": 64}, isCA={"const": True}
                ),
            ]
        }
    ),
    # prometheus-operator.dev/docs/api-reference/api
    "monitoring.coreos.com/v1 ServiceMonitor": _kind(
        _strict(
            ["selector", "endpoints"],
            selector=_strict(["matchLabels"], matchLabels=TEXTS),
            namespaceSelector=_strict([], matchNames=_texts()),
            endpoints={
                "type": "array",
                "items": _strict(
                    ["port"], port=TEXT, path=TEXT, interval={"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
                ),
            },
        )
    ),
}


def refuse(document: dict[str, Any], version: str) -> None:
    """Raise `jsonschema.ValidationError` where a version of Kubernetes, such as `1.29`, would not take a document."""
    _validator(document["apiVersion"], document["kind"], version).validate(document)


@cache
def _validator(api: str, kind: str, version: str) -> Draft202012Validator:
    other = OTHERS.get(f"{api} {kind}")
    if other is not None:
        return Draft202012Validator(other)
    group, slash, number = api.partition("/")
    name = f"{kind.lower()}-{group.partition('.')[0]}{'-' if slash else ''}{number}.json"
    return Draft202012Validator(_schema(version, name), registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    return (Resource.from_contents(_schema(version, "_definitions.json")) @ Registry()).crawl()


def _schema(version: str, name: str) -> dict[str, Any]:
    folder = f"v{version}.0-local-strict"
    path = files(kubernetes_validate).joinpath("kubernetes-json-schema", folder, name)
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
