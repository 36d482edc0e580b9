"""What changes for the app's containers when they share a PID namespace: a warning for each.

PID 1 is then the pause process of the task, in every container ("Share process namespace in a task").
"""

import re
from collections.abc import Iterator

from deploy.ecs.definition import Definition, name_of
from deploy.ecs.fields import Fields, text, truth
from deploy.ecs.told import Told, warning

_INIT = re.compile(
    r"(?:^|/)(?:s6-svscan|s6-overlay-suexec|systemd|runit-init|my_init|openrc-init|upstart)$"
    r"|^(?:/init|/sbin/init|/usr/sbin/init|/lib/systemd/systemd|/usr/lib/systemd/systemd)$"
)
"""Programs that refuse to run, or to do their work, unless they are PID 1."""

_INIT_IMAGE = re.compile(
    r"(?:^|/)(?:linuxserver/[\w.-]+|phusion/(?:baseimage|passenger[\w-]*)|[\w.-]*s6-overlay[\w.-]*|[\w.-]*systemd[\w.-]*)$"
)
"""Images whose own entrypoint is such a program, as far as their names tell."""

_START = r"(?:^|[\s;&|(`])(?:/(?:[\w.-]+/)*)?"
"""Where a shell may begin a program, with or without its directory."""
_BY_NAME = re.compile(_START + r"(pgrep|pkill|pidof|killall|ps)(?=\s|$)")
_PID_ONE = re.compile(_START + r"kill\s+(?:-\S+\s+)*1(?=\s|$|[;&|)'\"])|/proc/1(?=/|\s|$)")


def effects(definition: Definition) -> Iterator[Told]:
    """The warnings for a task whose containers share a PID namespace from now on."""
    for container in definition.apps:
        yield from _init_system(container)
        yield from _health_check(container)
        yield from _signals(container)
        if truth(container.get("linuxParameters", "initProcessEnabled")):
            yield warning(
                f"{name_of(container)}: the init process of initProcessEnabled is not PID 1 any more; the task's pause "
                "process reaps its orphans"
            )
    if definition.exec_enabled:
        yield warning("ECS Exec is on, and reaches one container only in a task whose containers share PIDs")


def _init_system(container: Fields) -> Iterator[Told]:
    words = [*_words(container.get("entryPoint")), *_words(container.get("command"))]
    found = next((word for word in words[:3] if _INIT.search(word)), None)
    image = (text(container.get("image")) or "").partition("@")[0]
    repository = image[: image.rfind(":")] if ":" in image.rsplit("/", 1)[-1] else image
    if found is None and not words and _INIT_IMAGE.search(repository):
        found = f"the image {repository}"
    if found is not None:
        yield warning(f"{name_of(container)}: {found} wants to be PID 1, which it is not in a task that shares PIDs")


def _health_check(container: Fields) -> Iterator[Told]:
    line = " ".join(_words(container.get("healthCheck", "command")))
    if found := _BY_NAME.search(line):
        yield warning(
            f"{name_of(container)}: its health check looks for processes by name ({found[1]}), and will see those of "
            "all containers of the task"
        )
    if _PID_ONE.search(line):
        yield warning(f"{name_of(container)}: its health check asks for PID 1, which is the task's pause process now")


def _signals(container: Fields) -> Iterator[Told]:
    line = " ".join([*_words(container.get("entryPoint")), *_words(container.get("command"))])
    if _PID_ONE.search(line):
        yield warning(f"{name_of(container)}: its command uses PID 1, which is the task's pause process now")


def _words(value: object) -> list[str]:
    """A command's texts; what a template computes is left out."""
    return [word for one in value if (word := text(one)) is not None] if isinstance(value, list) else []
