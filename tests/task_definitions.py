"""The task definitions in tests/data, and what ECS would be asked to register of each. Read by PyYAML, as YAML 1.1."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.ecs.document import read
from deploy.ecs.inject import inject
from deploy.ecs.remove import remove
from deploy.ecs.wishes import Wishes
from deploy.sidecar.destinations import ingest

FOLDER = Path(__file__).parent / "data" / "task_definitions"
FILES = sorted(FOLDER.iterdir())
SINGLE = (FOLDER / "single.json").read_bytes()
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/fargate-sensor:0.1.0"
WISHES = Wishes(image=IMAGE, destinations=(ingest("https://ingest.example.org"),))
COMPUTED = "computed"


class _Loader(yaml.SafeLoader):
    """Whatever a template computes is a text."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: COMPUTED)


@cache
def with_sensor(file: Path) -> bytes:
    """A file of `FILES` after `WISHES`."""
    return injected(file.read_bytes())


def injected(content: bytes, wishes: Wishes = WISHES) -> bytes:
    """The document with the sensor."""
    document = read(content)
    for definition in document.definitions:
        inject(definition, wishes)
    return document.text().encode()


def changed(**fields: Any) -> bytes:
    """The task of one app, injected, whose sensor somebody has changed."""
    request = json.loads(injected(SINGLE))
    request["containerDefinitions"][-1] |= fields
    return json.dumps(request, indent=2).encode()


def sensor_of(content: bytes) -> dict[str, Any]:
    """The container of the sensor in a request."""
    (sensor,) = [one for one in json.loads(content)["containerDefinitions"] if one["name"] == "fargate-sensor"]
    return sensor


def removed(content: bytes) -> bytes:
    """The document without it."""
    document = read(content)
    for definition in document.definitions:
        remove(definition)
    return document.text().encode()


def requests(content: bytes) -> Iterator[dict[str, Any]]:
    """The parameters of RegisterTaskDefinition for each definition of a document."""
    data = _plain(content)
    if isinstance(data, list):
        yield {"family": "array", "cpu": "1024", "memory": "2048", "containerDefinitions": data}
    elif "Resources" in data:
        for resource in data["Resources"].values():
            if resource["Type"] == "AWS::ECS::TaskDefinition":
                yield _from_template(copy.deepcopy(resource["Properties"]))
    else:
        yield data


def _plain(content: bytes) -> Any:
    if content.lstrip()[:1] in (b"{", b"["):
        return json.loads(content)
    return yaml.load(content, _Loader)


def _from_template(properties: dict[str, Any]) -> dict[str, Any]:
    request = _lowered(properties)
    containers = [one for one in request["containerDefinitions"] if "name" in one]
    for container in containers:
        if "essential" in container:
            container["essential"] = container["essential"] in (True, "true")
    return request | {
        "cpu": str(request["cpu"]),
        "memory": str(request["memory"]),
        "containerDefinitions": containers,
    }


def _lowered(value: Any, *, free: bool = False) -> Any:
    """CloudFormation's keys as the API has them; `{"Ref": …}` and its like become a text."""
    if isinstance(value, list):
        return [_lowered(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
        return COMPUTED
    keys = {key: key if free else key[:1].lower() + key[1:] for key in value}
    return {keys[key]: _lowered(one, free=keys[key] in ("dockerLabels", "options")) for key, one in value.items()}
