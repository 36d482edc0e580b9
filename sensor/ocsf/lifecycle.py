"""Application Lifecycle (6002): containers that come and go, and the sensor about itself (docs/adr/0041)."""

from sensor.ocsf.common import INFORMATIONAL, OTHER, SEVERITIES, add_place, common, other
from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.values import text

CLASS = 6002
CATEGORY = 6
START, STOP = 3, 4
ACTIVITIES = {"container.start": START, "container.stop": STOP, "sensor.start": START, "sensor.stop": STOP}
NAMES = {"sensor.heartbeat": "Heartbeat", "sensor.loss": "Loss"}
UNKNOWN_VENDOR = "Unknown"
SUCCESS, FAILURE = 1, 2

LOSS = (Field("loss.reason", "status_code", text),)


def activity(native: Plain) -> Plain:
    """An Application Lifecycle. What a report counts has no place in the class and stays whole in `unmapped`."""
    kind = native["kind"]
    ocsf = common(native, CLASS, CATEGORY, ACTIVITIES.get(kind, OTHER))
    add_place(native, ocsf)
    if kind in NAMES:
        other(ocsf, NAMES[kind])
    ocsf["app"] = _container(ocsf) if kind.startswith("container.") else ocsf["metadata"]["product"]
    if "loss" in native:
        move(LOSS, native, ocsf)
        ocsf["severity_id"] = SEVERITIES["low"]
    elif "health" in native:
        parked = found(native, "health.parked")
        ocsf["status_id"] = FAILURE if parked else SUCCESS
        ocsf["severity_id"] = SEVERITIES["medium"] if parked else INFORMATIONAL
    return ocsf


def _container(ocsf: Plain) -> Plain:
    container = found(ocsf, "device.container") or {}
    named = {name: container[name] for name in ("uid", "name") if name in container}
    return (named or {"name": UNKNOWN_VENDOR}) | {"vendor_name": UNKNOWN_VENDOR}
