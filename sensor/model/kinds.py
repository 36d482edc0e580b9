"""The names of what can happen, and the two lanes that events travel in."""

from enum import StrEnum


class Kind(StrEnum):
    """What an event tells; the values are the public names."""

    PROCESS_EXEC = "process.exec"
    PROCESS_EXIT = "process.exit"
    PROCESS_IDENTITY = "process.identity"
    FILE_CREATE = "file.create"
    FILE_MODIFY = "file.modify"
    FILE_DELETE = "file.delete"
    FILE_RENAME = "file.rename"
    FILE_ATTRIBUTES = "file.attributes"
    FILE_OPEN = "file.open"
    NETWORK_CONNECT = "network.connect"
    NETWORK_LISTEN = "network.listen"
    NETWORK_FLOW = "network.flow"
    DNS_QUERY = "dns.query"
    CONTAINER_START = "container.start"
    CONTAINER_STOP = "container.stop"
    DETECTION = "detection"
    POSTURE = "posture"
    SENSOR_START = "sensor.start"
    SENSOR_HEARTBEAT = "sensor.heartbeat"
    SENSOR_LOSS = "sensor.loss"
    SENSOR_STOP = "sensor.stop"


class Lane(StrEnum):
    """Urgent events leave at once and are never pushed out by ordinary ones."""

    URGENT = "urgent"
    ORDINARY = "ordinary"


URGENT_KINDS = frozenset(
    {
        Kind.DETECTION,
        Kind.POSTURE,
        Kind.SENSOR_START,
        Kind.SENSOR_LOSS,
        Kind.SENSOR_STOP,
    }
)


def lane_of(kind: Kind) -> Lane:
    """The lane in which events of this kind travel."""
    return Lane.URGENT if kind in URGENT_KINDS else Lane.ORDINARY
