"""What changes for the app of a pod whose containers share a PID namespace from now on."""

from collections.abc import Iterator, Mapping
from typing import Any

from deploy import shared_pids
from deploy.pod import facts
from deploy.shared_pids import Program


def effects(spec: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing that may work otherwise than before; none where they shared it already."""
    if spec.get("shareProcessNamespace") is True:
        return
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    yield from dict.fromkeys(line for one in containers for line in shared_pids.effects(_program(one), "pod"))


def _program(container: Mapping[str, Any]) -> Program:
    image, name = container.get("image"), container.get("name")
    return Program(
        name if isinstance(name, str) else "a container without a name",
        image if isinstance(image, str) else "",
        [*_words(container.get("command")), *_words(container.get("args"))],
        [_words(command) for command in facts.probe_commands(container)],
        [_words(command) for command in facts.hook_commands(container)],
    )


def _words(value: object) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
