"""What changes for the app's containers when they share a PID namespace: a warning for each."""

from collections.abc import Iterator

from deploy import shared_pids
from deploy.ecs.definition import Definition, name_of
from deploy.ecs.fields import Fields, text, truth
from deploy.shared_pids import Program
from deploy.told import Told, warning


def effects(definition: Definition) -> Iterator[Told]:
    """The warnings for a task whose containers share a PID namespace from now on."""
    for container in definition.apps:
        yield from map(warning, shared_pids.effects(_program(container), "task"))
        if truth(container.get("linuxParameters", "initProcessEnabled")):
            yield warning(
                f"{name_of(container)}: the init process of initProcessEnabled is not PID 1 any more; the task's pause "
                "process reaps its orphans"
            )
    if definition.exec_enabled:
        yield warning("ECS Exec is on, and reaches one container only in a task whose containers share PIDs")


def _program(container: Fields) -> Program:
    return Program(
        name_of(container),
        text(container.get("image")) or "",
        [*_words(container.get("entryPoint")), *_words(container.get("command"))],
        [_words(container.get("healthCheck", "command"))],
    )


def _words(value: object) -> list[str]:
    """A command's texts; what a template computes is left out."""
    return [word for one in value if (word := text(one)) is not None] if isinstance(value, list) else []
