"""What changes for the app's containers when they share a PID namespace, as ECS and Kubernetes have it.

PID 1 is then the pause process of the task or pod, in every container (Amazon ECS, "Share process namespace in a task";
Kubernetes, "Share Process Namespace between Containers in a Pod").
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_INIT = re.compile(
    r"(?:^|/)(?:s6-svscan|s6-overlay-suexec|systemd|runit-init|my_init|openrc-init|upstart)$"
    r"|^(?:/init|/sbin/init|/usr/sbin/init|/lib/systemd/systemd|/usr/lib/systemd/systemd)$"
)
"""Programs that refuse to run, or to do their work, unless they are PID 1."""

_INIT_IMAGES = ("linuxserver/", "phusion/baseimage", "phusion/passenger")
_INIT_IN_NAME = ("s6-overlay", "systemd")
"""Images whose own entrypoint is such a program, as far as their names tell: how the last two parts of one begin, and
what is in the last."""

_START = r"(?:^|[\s;&|(`])(?:/(?:[\w.-]+/)*)?"
"""Where a shell may begin a program, with or without its directory."""
_BY_NAME = re.compile(_START + r"(pgrep|pkill|pidof|killall|ps)(?=\s|$)")
_SIGNAL = r"(?:-(?:s|n|-signal)\s+\S+\s+|-(?!(?:s|n|-signal)\s)\S+\s+)*"
_PID_ONE = re.compile(_START + r"kill\s+" + _SIGNAL + r"1(?=\s|$|[;&|)'\"])|/proc/1(?=/|\s|$)")


class Program(NamedTuple):
    """What one container runs: its command with the arguments, and the words of each health check and each hook."""

    name: str
    image: str
    words: Sequence[str]
    checks: Sequence[Sequence[str]] = ()
    hooks: Sequence[Sequence[str]] = ()
    """What the platform runs in it after its start and before its stop."""


def effects(program: Program, whole: str) -> Iterator[str]:
    """A line for each thing that may work otherwise than before. `whole` is `task` or `pod`."""
    yield from _init_system(program, whole)
    for kind, commands in (("health check", program.checks), ("lifecycle hook", program.hooks)):
        for command in commands:
            yield from _asked(f"{program.name}: its {kind}", " ".join(command), whole)
    if _PID_ONE.search(" ".join(program.words)):
        yield f"{program.name}: its command uses PID 1, which is the {whole}'s pause process now"


def _init_system(program: Program, whole: str) -> Iterator[str]:
    found = next((word for word in program.words[:3] if _INIT.search(word)), None)
    image = program.image.partition("@")[0]
    repository = image[: image.rfind(":")] if ":" in image.rsplit("/", 1)[-1] else image
    if found is None and not program.words and _has_init(repository):
        found = f"the image {repository}"
    if found is not None:
        yield f"{program.name}: {found} wants to be PID 1, which it is not in a {whole} that shares PIDs"


def _has_init(repository: str) -> bool:
    *_, parent, last = ("", *repository.split("/"))
    return f"{parent}/{last}".startswith(_INIT_IMAGES) or any(one in last for one in _INIT_IN_NAME)


def _asked(what: str, line: str, whole: str) -> Iterator[str]:
    if found := _BY_NAME.search(line):
        yield f"{what} looks for processes by name ({found[1]}), and will see those of all containers of the {whole}"
    if _PID_ONE.search(line):
        yield f"{what} asks for PID 1, which is the {whole}'s pause process now"
