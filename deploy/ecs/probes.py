"""The health checks of the siblings, handed to the sensor so that it can tell them from people's sessions."""

import json
from hashlib import blake2b

from deploy.ecs.definition import Definition, name_of
from deploy.ecs.fields import Fields, is_intrinsic, text
from deploy.ecs.sensor_container import FILLED_IN, variables_of
from deploy.sidecar import variables
from deploy.told import Told, warning


def probes(definition: Definition, handed: str = "") -> tuple[str | None, list[Told]]:
    """The value of the variable, None where there is nothing to set, and what could not be handed over.

    `handed` is the mark of what an earlier injection has put there. Anything else its user has said, and it stays.
    """
    commands, told = _known(definition)
    said = variables_of(definition.sensor).get(variables.PROBES, "")
    if said and _mark(said) != handed and variables.mistake(variables.PROBES, said) is None:
        try:
            commands += [one for one in json.loads(said) if one not in commands]
        except (ValueError, RecursionError):  # the deployment fills it in
            return (None if said == FILLED_IN else said), told
    return variables.array(commands[: variables.MOST_COMMANDS]) if commands else None, told


def handed_over(definition: Definition) -> str:
    """The mark of the variable where it has what the health checks say and no more, for the next injection."""
    commands, _ = _known(definition)
    said = variables_of(definition.sensor).get(variables.PROBES)
    return _mark(said) if said == variables.array(commands[: variables.MOST_COMMANDS]) else ""


def _mark(value: str) -> str:
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _known(definition: Definition) -> tuple[list[list[str]], list[Told]]:
    """The commands that the document has, and what could not be handed over."""
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
    return commands, told


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
