"""One task definition as injection sees it, whatever document it stands in."""

import json
from collections.abc import Mapping, MutableSequence
from typing import Any

from deploy.documents.shared import Shared
from deploy.ecs.fields import Fields, Manner, is_intrinsic, text
from deploy.sidecar.specification import NAME


class Definition:
    """The containers, and the task around them where the document has it (Terraform's arrays do not).

    `path` is the way to the task from the root of the document, None where the root is an array of containers. `place`
    names it in messages: the resource of a template, else nothing. `services` are those of its template.
    """

    def __init__(
        self,
        shared: Shared,
        root: Any,
        path: tuple[str, ...] | None,
        manner: Manner,
        place: str = "",
        exec_enabled: bool = False,
    ) -> None:
        self.manner = manner
        self.place = place
        self.shared = shared
        self.exec_enabled = exec_enabled
        """Whether the document shows that ECS Exec is used."""
        self._root = root
        self._path = path

    @property
    def task(self) -> Fields | None:
        """The task around the containers."""
        if self._path is None:
            return None
        node = self._root
        for key in self._path:
            node = node[key]
        return Fields(node, self.manner)

    @property
    def raw_containers(self) -> MutableSequence[Any]:
        """The list of containers, with what a template computes."""
        task = self.task
        found: MutableSequence[Any] = task.get("containerDefinitions") if task is not None else self._root
        return found

    def own(self) -> None:
        """Have no other part of the document share the task and its list of containers, before they are changed."""
        if self._path is not None:
            self.shared.own(self._root, *self._path, self.manner.key("containerDefinitions"))

    def own_container(self, container: Fields) -> Fields:
        """The same for one of the containers."""
        listed = self.raw_containers
        index = next(number for number, one in enumerate(listed) if one is container.raw)
        return Fields(self.shared.own(listed, index), self.manner)

    def own_value(self, fields: Fields, name: str) -> Any:
        """The same for a value of the task or of a container, which must be its own already; None where it is not."""
        return self.shared.own(fields.raw, self.manner.key(name)) if fields.has(name) else None

    @property
    def containers(self) -> list[Fields]:
        """All containers that are written out, in order."""
        return [
            Fields(one, self.manner) for one in self.raw_containers if isinstance(one, dict) and not is_intrinsic(one)
        ]

    @property
    def sensor(self) -> Fields | None:
        """The container of the sensor."""
        return next((one for one in self.containers if name_of(one) == NAME), None)

    @property
    def apps(self) -> list[Fields]:
        """All containers but the sensor."""
        return [one for one in self.containers if name_of(one) != NAME]

    def task_get(self, *path: str) -> Any:
        """A value of the task, None where there is no task around."""
        return self.task.get(*path) if self.task is not None else None

    def append(self, container: Mapping[str, Any]) -> None:
        """A container of ours at the end."""
        self.raw_containers.append(self.manner.spelled(dict(container)))

    def remove_sensor(self) -> None:
        """Take the sensor's container away."""
        listed = self.raw_containers
        kept = [not (isinstance(one, dict) and name_of(Fields(one, self.manner)) == NAME) for one in listed]
        for index in reversed([index for index, keep in enumerate(kept) if not keep]):
            del listed[index]


def name_of(container: Fields) -> str:
    """The container's name; where a template computes it, that expression, which is the same wherever it stands."""
    return reference(container.get("name"))


def reference(value: object) -> str:
    """A name or what computes it, to be compared and shown."""
    found = text(value)
    if found is not None:
        return found
    tag = getattr(getattr(value, "tag", None), "value", None)
    inner = getattr(value, "value", value)
    shown = inner if isinstance(inner, str) else _expression(inner)
    return f"{tag} {shown}" if isinstance(tag, str) else shown


def _expression(value: object) -> str:
    try:
        return json.dumps(value, default=str)
    except (ValueError, RecursionError, TypeError):  # it refers to itself, or its keys are no texts
        return "an expression"
