"""The health checks of the siblings, handed to the sensor so that it can tell them from people's sessions."""

import json
from typing import Any

from deploy.ecs.definition import Definition, name_of
from deploy.ecs.fields import Fields, is_intrinsic, text
from deploy.ecs.sensor_container import variables_of
from deploy.sidecar import variables
from deploy.told import Told, warning


def probes(definition: Definition) -> tuple[str | None, list[Told]]:
    """The value of the variable, None where there is no health check, and what could not be handed over."""
    commands: list[list[str]] = []
    told = []
    for container in definition.apps:
        if container.get("healthCheck") is None:
            continue
        command = _command(container)
        if command is None:
            told.append(
                warning(
                    f"{name_of(container)}: its health check is computed by the template or too long to be handed to "
                    f"the sensor, which will take it for a session; set {variables.PROBES} where it matters"
                )
            )
        elif command and command not in commands:
            commands.append(command)
    if told:
        commands += [one for one in _said(definition.sensor) if one not in commands]
    return variables.array(commands[: variables.MOST_COMMANDS]) if commands else None, told


def _said(sensor: Fields | None) -> list[Any]:
    """What the variable has already: of what is not known here its user may have told the sensor."""
    value = variables_of(sensor).get(variables.PROBES, "")
    try:
        plain = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return plain if isinstance(plain, list) and variables.mistake(variables.PROBES, value) is None else []


def _command(container: Fields) -> list[str] | None:
    """The arguments as the platform runs them, empty for NONE; None where they are not known."""
    raw = container.get("healthCheck", "command")
    if is_intrinsic(container.get("healthCheck")) or not isinstance(raw, list) or is_intrinsic(raw):
        return None
    words = [text(one) for one in raw]
    if not variables.is_command(words):
        return None
    known = [word for word in words if word is not None]
    if known[:1] == ["CMD-SHELL"]:
        return ["/bin/sh", "-c", " ".join(known[1:])]
    if known[:1] in (["CMD"], ["NONE"]):
        return known[1:]
    return known
