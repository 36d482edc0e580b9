"""One task definition as injection sees it, whatever document it stands in."""

import json
from collections.abc import Mapping, MutableSequence
from typing import Any

from deploy.ecs.fields import Fields, Manner, is_intrinsic, text
from deploy.sidecar.specification import NAME


class Definition:
    """The containers, and the task around them where the document has it (Terraform's arrays do not).

    `place` names it in messages: the resource of a template, else nothing. `services` are those of its template.
    """

    def __init__(
        self,
        containers: MutableSequence[Any],
        manner: Manner,
        task: Fields | None = None,
        place: str = "",
        exec_enabled: bool = False,
    ) -> None:
        self.raw_containers = containers
        self.manner = manner
        self.task = task
        self.place = place
        self.exec_enabled = exec_enabled
        """Whether the document shows that ECS Exec is used."""

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
        kept = [
            not (isinstance(one, dict) and name_of(Fields(one, self.manner)) == NAME) for one in self.raw_containers
        ]
        for index in reversed([index for index, keep in enumerate(kept) if not keep]):
            del self.raw_containers[index]


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
