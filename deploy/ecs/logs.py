"""The sensor's log goes where its siblings' logs go."""

from typing import Any

from deploy.documents.shared import copied
from deploy.ecs.definition import Definition
from deploy.ecs.fields import Fields, is_intrinsic, text
from deploy.sidecar.specification import NAME
from deploy.told import Told, note

OF_THE_APPS_LINES = ("awslogs-multiline-pattern", "awslogs-datetime-format", "include-pattern", "exclude-pattern")
"""Options by which lines of the app are joined (awslogs) or chosen (awsfirelens); the sensor's are one event each, and
none may be left out. Source: "Filtering Fluentd and Fluent Bit logs", developer guide of ECS."""

BUFFER = "25m"
ROUTED = "awsfirelens"
"""Hands its options on to the router, as those of its output."""
FLOWS = (
    f"{NAME}: its log is non-blocking with a buffer of {{}}, not as the app's: a log driver that stalls would stop it"
)


def log_configuration(definition: Definition) -> Any:
    """A copy of the first sibling's that has one, essential ones before others; None where nobody has."""
    candidates = [c for c in definition.apps if c.get("logConfiguration") and c.get("firelensConfiguration") is None]
    candidates.sort(
        key=lambda container: text(container.get("essential")) == "false" or container.get("essential") is False
    )
    if not candidates:
        return None
    found = copied(candidates[0].get("logConfiguration"))
    if isinstance(found, dict) and not is_intrinsic(found):
        options = Fields(found, definition.manner).get("options")
        for name in OF_THE_APPS_LINES:
            if isinstance(options, dict):
                options.pop(name, None)
    return found


def unblock(sensor: Fields) -> list[Told]:
    """Set the mode of a copied log configuration where it is `blocking`: a write to the log would stop the sensor."""
    log = sensor.part("logConfiguration")
    options = log.get("options") if log is not None else None
    if log is None or not isinstance(options, dict) or text(log.get("logDriver")) == ROUTED:
        return []
    if text(options.get("mode")) != "blocking":
        return []
    options["mode"] = log.manner.node("non-blocking")
    options.setdefault("max-buffer-size", log.manner.node(BUFFER))
    return [note(FLOWS.format(text(options["max-buffer-size"]) or "the template's size"))]
