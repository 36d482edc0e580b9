"""Endpoints, connections and Network Activity (4001).

In OCSF the source is whoever began, and `bytes_out` flow from the source; in our events `src` is always the task's
own end. An inbound connection is turned round.
"""

from typing import Any

from sensor.ocsf.common import UNKNOWN, add_place, common
from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.process import actor
from sensor.ocsf.values import address, host_name, port, text, whole_number

CLASS = 4001
CATEGORY = 4
OPEN, CLOSE, RESET, FAIL, REFUSE, LISTEN = 1, 2, 3, 4, 5, 7
ACTIVITIES = {"network.connect": OPEN, "network.flow": CLOSE, "network.listen": LISTEN}
OUTCOMES = {"reset": RESET, "refused": REFUSE, "timed_out": FAIL}
"""What became of a connection says more than that it is over."""

DIRECTIONS = {"inbound": 1, "outbound": 2}
PROTOCOLS = {"tcp": 6, "udp": 17}
SUCCESS, FAILURE = 1, 2
UNKNOWN_ENDPOINT: Plain = {"name": "Unknown"}

OWN = (Field("network.src", "ip", address), Field("network.src_port", "port", port))
FAR = (
    Field("network.dst", "ip", address),
    Field("network.dst_port", "port", port),
    Field("network.hostname", "hostname", host_name),
)


def _number(transport: str) -> int | None:
    return PROTOCOLS.get(transport)


def _direction(direction: str) -> int | None:
    return DIRECTIONS.get(direction)


CONNECTION = (
    Field("network.direction", "direction_id", _direction),
    Field("network.transport", "protocol_name", text),
    Field("network.transport", "protocol_num", _number),
)
TRAFFIC = (Field("network.bytes_in", "traffic.bytes_in"), Field("network.bytes_out", "traffic.bytes_out"))
TRAFFIC_INBOUND = (Field("network.bytes_in", "traffic.bytes_out"), Field("network.bytes_out", "traffic.bytes_in"))
REST = (
    Field("network.outcome", "status_code", text),
    Field("network.duration_ms", "duration", whole_number),
)


def connection(native: Plain) -> Plain:
    """`src_endpoint`, `dst_endpoint` and `connection_info` of the event's network part, taken out of it."""
    inbound = found(native, "network.direction") == "inbound"
    listening = found(native, "network.direction") == "listen"
    info: Plain = {"protocol_ver_id": _version(found(native, "network.src") or found(native, "network.dst"))}
    move(CONNECTION, native, info)
    info.setdefault("direction_id", UNKNOWN)
    own: Plain = {}
    far: Plain = {}
    move(OWN, native, own)
    move(FAR, native, far)
    source, destination = (far, own) if inbound or listening else (own, far)
    ends = {"src_endpoint": _named(source), "dst_endpoint": _named(destination) or UNKNOWN_ENDPOINT}
    return {"connection_info": info} | {name: end for name, end in ends.items() if end}


def activity(native: Plain) -> Plain | None:
    """A Network Activity; None where the event has no network part."""
    if "network" not in native:
        return None
    kind, outcome = native["kind"], found(native, "network.outcome")
    ocsf = common(native, CLASS, CATEGORY, OUTCOMES.get(outcome or "", ACTIVITIES[kind]))
    add_place(native, ocsf)
    move(TRAFFIC_INBOUND if found(native, "network.direction") == "inbound" else TRAFFIC, native, ocsf)
    move(REST, native, ocsf)
    if outcome is not None:
        ocsf["status_id"] = FAILURE if outcome in OUTCOMES else SUCCESS
    ocsf |= connection(native)
    if "process" in native:
        ocsf["actor"] = actor(native, ocsf)
    return ocsf


def _named(endpoint: Plain) -> Plain:
    """An endpoint that has a port and nothing that names it gets the name of the unknown."""
    return endpoint if not endpoint or {"ip", "hostname"} & endpoint.keys() else endpoint | UNKNOWN_ENDPOINT


def _version(own: Any) -> int:
    """`protocol_ver_id`: 4 or 6, by the form of the address."""
    if not isinstance(own, str) or address(own) is None:
        return UNKNOWN
    return 6 if ":" in own else 4
