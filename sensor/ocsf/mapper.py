"""From an event to OCSF: which class it becomes, and what is left of it."""

from collections.abc import Callable, Mapping

from sensor.model.codec import event_to_json
from sensor.model.events import Event, Header
from sensor.model.kinds import Kind
from sensor.ocsf import dns, file, findings, lifecycle, network, process
from sensor.ocsf.common import OTHER, UNKNOWN, common, other
from sensor.ocsf.fields import Plain

CLASSES: Mapping[Kind, Callable[[Plain], Plain | None]] = {
    Kind.PROCESS_EXEC: process.activity,
    Kind.PROCESS_EXIT: process.activity,
    Kind.PROCESS_IDENTITY: process.activity,
    Kind.FILE_CREATE: file.activity,
    Kind.FILE_MODIFY: file.activity,
    Kind.FILE_DELETE: file.activity,
    Kind.FILE_RENAME: file.activity,
    Kind.FILE_ATTRIBUTES: file.activity,
    Kind.FILE_OPEN: file.activity,
    Kind.NETWORK_CONNECT: network.activity,
    Kind.NETWORK_LISTEN: network.activity,
    Kind.NETWORK_FLOW: network.activity,
    Kind.DNS_QUERY: dns.activity,
    Kind.CONTAINER_START: lifecycle.activity,
    Kind.CONTAINER_STOP: lifecycle.activity,
    Kind.DETECTION: findings.detection,
    Kind.POSTURE: findings.compliance,
    Kind.SENSOR_START: lifecycle.activity,
    Kind.SENSOR_HEARTBEAT: lifecycle.activity,
    Kind.SENSOR_LOSS: lifecycle.activity,
    Kind.SENSOR_STOP: lifecycle.activity,
}
"""What makes the class of each kind; None where the event lacks the part that the class is about."""

BASE_EVENT = 0


def to_ocsf(event: Event, header: Header) -> Plain:
    """One event that travels alone, as a JSON object of OCSF 1.3; the same for the same event, and for every event.

    Fields without a place in the class stand in `unmapped`, as in our own JSON form.
    """
    native = _own(event_to_json(event, header))
    ocsf = CLASSES[event.kind](native) or _base(native)
    if native:
        ocsf["unmapped"] = native
    return ocsf


def _own(plain: Plain) -> Plain:
    """The objects are taken apart below, and those of the codec are shared (`codec.REPEATED`)."""
    return {name: _own(value) if type(value) is dict else value for name, value in plain.items()}


def _base(native: Plain) -> Plain:
    """An event without the part that its class is about: a Base Event that tells the rest under our own names."""
    kind = native["kind"]
    ocsf = common(native, BASE_EVENT, UNKNOWN, OTHER)
    other(ocsf, kind)
    return ocsf
