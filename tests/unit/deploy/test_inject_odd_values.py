"""Fields of any type anywhere: one clear line, or a document that is taken out again; never a fault."""

import contextlib
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from task_definitions import WISHES, requests

from deploy.documents.errors import MalformedDocument
from deploy.ecs.document import read
from deploy.ecs.inject import CannotInject, inject, missing
from deploy.ecs.remove import remove
from deploy.ecs.wishes import Wishes

WORDS = [
    "fargate-sensor",
    "app",
    "task",
    "START",
    "SUCCESS",
    "CMD",
    "CMD-SHELL",
    "NONE",
    "512",
    "",
    "fargate-sensor-spool",
]
KEYS = [
    "name",
    "image",
    "environment",
    "dependsOn",
    "containerName",
    "condition",
    "healthCheck",
    "command",
    "logConfiguration",
    "options",
    "dockerLabels",
    "fargate-sensor.before-injection",
    "linuxParameters",
    "capabilities",
    "add",
    "mountPoints",
    "sourceVolume",
    "secrets",
    "volumesFrom",
    "firelensConfiguration",
    "memory",
    "entryPoint",
    "stopTimeout",
    "value",
    "Ref",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 10**6) | st.floats(0, 1) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
CONTAINER = st.fixed_dictionaries(
    {"name": st.sampled_from(["app", "side", "fargate-sensor"]) | ODD, "image": st.just("i:1")},
    optional={key: ODD for key in KEYS if key not in ("name", "image", "Ref")},
)
TASK_KEYS = ("pidMode", "volumes", "cpu", "memory", "runtimePlatform", "requiresCompatibilities", "networkMode")
TASK = st.fixed_dictionaries(
    {"containerDefinitions": st.lists(CONTAINER, min_size=1, max_size=3)},
    optional=dict.fromkeys(TASK_KEYS, ODD),
)


@settings(deadline=None, max_examples=150)
@given(TASK, st.booleans(), st.booleans())
@example({"containerDefinitions": [{"name": "fargate-sensor", "image": "i:1", "secrets": True}]}, False, False)
def test_any_value_anywhere_is_a_line_or_is_given_back(task: dict[str, Any], pascal: bool, resize: bool) -> None:
    content = json.dumps(_as_template(task) if pascal else task).encode()
    wishes = Wishes(WISHES.image, WISHES.destinations, allow_resize=resize)
    with contextlib.suppress(MalformedDocument, CannotInject):
        document = read(content)
        (definition,) = document.definitions
        assert missing(definition, wishes) is None
        had_sensor = definition.sensor is not None
        told = inject(definition, wishes)
        assert all("\n" not in one.text for one in told)
        once = document.text().encode()
        again = read(once)
        inject(again.definitions[0], wishes)
        assert again.text().encode() == once
        remove(again.definitions[0])
        if not had_sensor:
            assert json.loads(again.text()) == json.loads(content)


def _as_template(task: dict[str, Any]) -> dict[str, Any]:
    return {"Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": _pascal(task)}}}


def _pascal(value: Any) -> Any:
    if isinstance(value, list):
        return [_pascal(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key if "." in key else key[:1].upper() + key[1:]: _pascal(one) for key, one in value.items()}


def test_a_document_that_goes_in_circles_is_no_fault() -> None:
    text = "containerDefinitions:\n- name: &n [*n]\n  image: i\n  logConfiguration: &l {options: *l}\n"
    document = read(text.encode())
    with contextlib.suppress(CannotInject):
        inject(document.definitions[0], WISHES)
        assert list(requests(document.text().encode()))
