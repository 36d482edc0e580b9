"""What a pod says of its own injection, in annotations below `fargate-sensor/`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from deploy.pod.wishes import Mode, Security, Wishes
from deploy.sidecar.variables import SECRETS, Mistake, is_image, is_name

PREFIX = "fargate-sensor/"
INJECT = PREFIX + "inject"
"""`"true"` or `"false"`, as an annotation or as a label."""
IMAGE = PREFIX + "image"
MODE = PREFIX + "mode"
SECURITY = PREFIX + "security"
VARIABLE = PREFIX + "env."
"""`fargate-sensor/env.SENSOR_DAILY_MB: "20"`."""
STATUS = PREFIX + "status"
"""What was put in, written by the injection: `native root`, `ordinary same-uid`."""
RECORD = PREFIX + "before-injection"
"""What was there before, where a manifest was injected (`deploy.pod.record`)."""

MOST = 128
"""Annotations of one pod that are looked at; there are about half as many settings."""


def asked(metadata: Mapping[str, Any]) -> bool | None:
    """Whether the pod asks for the sensor or against it. The annotation wins over the label; None: neither."""
    for kind in ("annotations", "labels"):
        said = metadata.get(kind)
        value = said.get(INJECT) if isinstance(said, Mapping) else None
        if value in ("true", "false"):
            return bool(value == "true")
    return None


def overridden(wishes: Wishes, metadata: Mapping[str, Any], mistake: Mistake) -> tuple[Wishes, list[str]]:
    """The wishes with the pod's own over them, and a line for each annotation that says nothing usable. `mistake` says
    what is wrong with a variable."""
    annotations = metadata.get("annotations")
    told: list[str] = []
    variables = dict(wishes.variables)
    changes: dict[str, Any] = {}
    taken = 0
    for key, value in annotations.items() if isinstance(annotations, Mapping) else ():
        if not isinstance(key, str) or not key.startswith(PREFIX) or key in (STATUS, RECORD):
            continue
        taken += 1
        if taken > MOST:
            told.append(f"more than {MOST} annotations begin with {PREFIX}: the rest is left out")
            break
        if not isinstance(value, str) or (problem := _take(key, value, changes, variables, mistake)):
            told.append(f"annotation {ascii(key)[:80]}: {problem if isinstance(value, str) else 'is no text'}")
    return replace(wishes, variables=variables, **changes), told


def _take(key: str, value: str, changes: dict[str, Any], variables: dict[str, str], mistake: Mistake) -> str | None:
    """Keep what one annotation says; else what is wrong with it. Values are not repeated, they may be secrets."""
    if key.startswith(VARIABLE):
        name = key.removeprefix(VARIABLE)
        if not is_name(name) or name in SECRETS:
            return "is no SENSOR_ variable that may be set in an annotation"
        if wrong := mistake(name, value):
            return wrong
        variables[name] = value
        return None
    if key == IMAGE:
        return "is no image" if not is_image(value) else changes.update(image=value)
    if key == MODE:
        return _choose("mode", value, get_args(Mode), changes)
    if key == SECURITY:
        return _choose("security", value, get_args(Security), changes)
    if key == INJECT:
        return None if value in ("true", "false") else 'is neither "true" nor "false"'
    return "is not known"


def _choose(name: str, value: str, choices: tuple[str, ...], changes: dict[str, Any]) -> str | None:
    if value not in choices:
        return f"is none of {', '.join(choices)}"
    changes[name] = value
    return None
