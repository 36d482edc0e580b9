"""What every class has: who says so (metadata), where it happened (device, container, cloud), how often."""

from typing import Any

from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.values import as_milliseconds, cut, number_text, text

VERSION = "1.3.0"
"""What `metadata.version` says; the same events are valid for 1.8."""

PRODUCT = "fargate-sensor"
LINUX = 200
VIRTUAL = 6
AWS_ACCOUNT = 10
ENDPOINT_DETECTION = 1

INFORMATIONAL = 1
SEVERITIES = {"informational": 1, "info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
UNKNOWN = 0
OTHER = 99

METADATA = (
    Field("id", "metadata.uid", text),
    Field("kind", "metadata.event_code"),
    Field("seq", "metadata.sequence"),
    Field("schema", "metadata.log_version", number_text),
    Field("evidence.source", "metadata.log_name", text),
    Field("sensor.version", "metadata.product.version", text),
    Field("time", "time", as_milliseconds),
    Field("time", "metadata.original_time"),
    Field("count", "count"),
)


def _agent(sensor_id: str) -> list[Plain] | None:
    if text(sensor_id) is None:
        return None
    return [{"uid": sensor_id, "name": PRODUCT, "type_id": ENDPOINT_DETECTION}]


def _one_group(name: str) -> list[Plain] | None:
    return None if text(name) is None else [{"name": name}]


def _account(number: str) -> Plain | None:
    return None if text(number) is None else {"uid": number, "type_id": AWS_ACCOUNT}


DEVICE = (
    Field("task.arn", "device.uid", text),
    Field("pod.uid", "device.uid", text),
    Field("task_id", "device.uid", text),
    Field("task_id", "device.instance_uid", text),
    Field("task.family", "device.name", text),
    Field("pod.name", "device.name", text),
    Field("task.platform", "device.type", text),
    Field("task.region", "device.region", text),
    Field("task.cluster", "device.groups", _one_group),
    Field("pod.namespace", "device.groups", _one_group),
    Field("sensor.id", "device.agent_list", _agent),
)

CLOUD = (
    Field("task.account", "cloud.account", _account, within="cloud"),
    Field("task.region", "cloud.region", text, within="cloud"),
    Field("task.az", "cloud.zone", text, within="cloud"),
    Field("task.az", "device.zone", text),
)

CONTAINER = (
    Field("id", "uid", text),
    Field("name", "name", text),
    Field("image_id", "image.uid", text),
    Field("image", "image.uid", text),
    Field("image", "image.name", text),
)


def common(native: Plain, class_uid: int, category_uid: int, activity_id: int) -> Plain:
    """An event of that class with what all classes have: its identity, its time, where it comes from."""
    ocsf: Plain = {
        "class_uid": class_uid,
        "category_uid": category_uid,
        "activity_id": activity_id,
        "type_uid": class_uid * 100 + activity_id,
        "severity_id": INFORMATIONAL,
        "metadata": {"version": VERSION, "product": {"name": PRODUCT, "vendor_name": PRODUCT}},
    }
    move(METADATA, native, ocsf)
    native.pop("lane", None)  # it stands in the identity
    return ocsf


def add_place(native: Plain, ocsf: Plain) -> None:
    """The device, which is the task or the pod, with the container in it, and the cloud where there is one."""
    profiles = ["host"]
    ocsf["device"] = {"type_id": VIRTUAL, "os": {"name": "Linux", "type_id": LINUX}}
    if found(native, "task.account") or found(native, "task.region"):
        profiles.append("cloud")
        ocsf["cloud"] = {"provider": "AWS"}
    move((*CLOUD, *DEVICE), native, ocsf)
    if (container := container_of(native)) is not None:
        profiles.append("container")
        ocsf["device"]["container"] = container
    ocsf["metadata"]["profiles"] = profiles


def container_of(native: Plain) -> Plain | None:
    """The event's container, taken out of it."""
    plain: Any = native.get("container")
    if not isinstance(plain, dict) or text(plain["id"]) is None:
        return None
    container: Plain = {}
    move(CONTAINER, plain, container)
    if not plain:
        del native["container"]
    return container


def severity(level: str) -> int:
    """`severity_id` for a rule's or a check's own word."""
    return SEVERITIES.get(level.lower(), UNKNOWN)


def other(ocsf: Plain, name: str) -> None:
    """Name the activity where the class has no number for it."""
    ocsf["activity_name"] = cut(name)
