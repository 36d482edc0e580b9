"""The events of sockets: what the kernel says of one, in the words of the model."""

from typing import NamedTuple

from collectors.inet_diag import TCP, InetSocket, TcpInfo, address_text, is_unspecified
from collectors.socket_table import Known, Owner
from sensor.model.events import Container, Event, Evidence, Loss, Missing, Network, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST

DUMP, DESTROY = "sock_diag", "sock_diag_destroy"
"""Values of `evidence.source`: a dump of what is open, and the notification of an end."""

INBOUND, OUTBOUND = "inbound", "outbound"
ESTABLISHED, RESET = "established", "reset"

_NOT_ACCEPTED = Missing("process", "not accepted yet")
_NO_HOLDER = Missing("process", "nobody readable holds the socket")
_TOO_SHORT = Missing("process", "ended before a dump saw it")
_BEGAN_UNSEEN = Missing("network.duration_ms", "its beginning was not seen")
_NOT_BOUND = Missing("network.src", "bound to every address")
_NOT_CONNECTED = (Missing("network.dst", "not connected"), Missing("network.dst_port", "not connected"))
_NO_LOCAL_END = Missing("network.src", "cleared by the kernel")
_PORT_CLEARED = Missing("network.dst_port", "cleared by the kernel")
_NEVER_ESTABLISHED = Missing("network.outcome", "never established")
_NOT_COUNTED = (Missing("network.bytes_in", "unsupported"), Missing("network.bytes_out", "unsupported"))
_BYTES_CLEARED = (
    Missing("network.bytes_in", "cleared by the kernel"),
    Missing("network.bytes_out", "cleared by the kernel"),
)

_OF_ONE = ("network.src", "network.src_port", "network.duration_ms")


class Payload(NamedTuple):
    """Bytes of payload in each direction; None where this kernel does not count them."""

    bytes_in: int | None
    bytes_out: int | None


def listening(sock: InetSocket, protocol: int, owner: Owner | None, now: Timestamp) -> Event:
    """A socket that waits for others; `src` is 0.0.0.0 or :: where it listens on every address."""
    network = Network(
        direction="listen",
        transport=_transport(protocol),
        src=address_text(sock.family, sock.src),
        src_port=sock.src_port,
        owner_evidence=_owner_evidence(owner),
    )
    return _event(Kind.NETWORK_LISTEN, now, DUMP, network, owner, [] if owner else [_why_no_owner(sock)])


def connected(sock: InetSocket, protocol: int, known: Known, now: Timestamp) -> Event:
    """A connection that is open now, or still being opened (then without an outcome)."""
    owner = known.owner
    network = Network(
        direction=known.direction,
        transport=_transport(protocol),
        src=address_text(sock.family, sock.src),
        src_port=sock.src_port,
        dst=address_text(sock.family, sock.dst),
        dst_port=sock.dst_port,
        outcome=ESTABLISHED if known.established else None,
        owner_evidence=_owner_evidence(owner),
    )
    return _event(Kind.NETWORK_CONNECT, now, DUMP, network, owner, [] if owner else [_why_no_owner(sock)])


def ended(
    sock: InetSocket, protocol: int, known: Known | None, direction: str, duration_s: float | None, now: Timestamp
) -> Event:
    """A socket that was destroyed, with what it carried. `duration_s` is None where its beginning was not seen."""
    info = sock.info or TcpInfo()
    sizes = payload(info, inbound=direction == INBOUND) if sock.dst_port else Payload(None, None)
    owner = known.owner if known else None
    src, dst, dst_port = _ends(sock, known)
    network = Network(
        direction=direction,
        transport=_transport(protocol),
        src=src,
        src_port=sock.src_port,
        dst=dst,
        dst_port=dst_port,
        outcome=_outcome(sock, known, info) if protocol == TCP else None,
        bytes_in=sizes.bytes_in,
        bytes_out=sizes.bytes_out,
        duration_ms=None if duration_s is None else round(duration_s * 1000, 3),
        rtt_us=info.rtt_us or None,
        retransmits=info.retransmits if sock.dst_port else None,
        owner_evidence=_owner_evidence(owner),
    )
    missing = _missing_of_flow(network, cleared=not sock.dst_port)
    if owner is None:
        missing.append(_NO_HOLDER if known and known.looks else _TOO_SHORT)
    return _event(Kind.NETWORK_FLOW, now, DESTROY, network, owner, missing)


def folded(event: Event, count: int) -> Event:
    """One event for several ends: what differs from one to the next is left out."""
    if event.network is None:
        return event._replace(count=count)
    network = event.network._replace(src=None, src_port=None, duration_ms=None)
    kept = tuple(m for m in event.evidence.missing if m.field not in _OF_ONE)
    missing = kept + tuple(Missing(field, "differs among those folded") for field in _OF_ONE)
    return event._replace(count=count, network=network, evidence=event.evidence._replace(missing=missing))


def lost(reason: str, count: int | None, source: str, now: Timestamp) -> Event:
    """So many messages were lost; None for a number that nobody knows."""
    loss = Loss(reason, "unknown" if count is None else "exact", count, source)
    return Event(Kind.SENSOR_LOSS, now, Evidence(DESTROY), loss=loss)


def payload(info: TcpInfo, *, inbound: bool) -> Payload:
    """The payload that a closed TCP connection carried.

    The kernel's counters take a SYN or FIN for a byte: `bytes_acked` has our SYN where we connected, and our FIN once
    it was acknowledged; `bytes_received` has the peer's FIN. When our FIN was acknowledged the connection ended in
    good order, and the peer's is taken to have come. Where the peer's came only after we had gone, which no counter
    shows, `bytes_in` is one too few.
    """
    if info.bytes_acked is None or info.bytes_received is None:
        return Payload(None, None)
    opened = 0 if inbound else 1
    if info.bytes_sent is None or info.bytes_retransmitted is None:
        return Payload(max(info.bytes_received - 1, 0), max(info.bytes_acked - opened - 1, 0))
    sent = info.bytes_sent - info.bytes_retransmitted
    in_good_order = info.bytes_acked - sent > opened
    return Payload(max(info.bytes_received - in_good_order, 0), sent)


def was_opened_here(info: TcpInfo) -> bool:
    """Whether our SYN was surely acknowledged: beyond the payload there are two bytes, our SYN and our FIN."""
    if info.bytes_acked is None or info.bytes_sent is None or info.bytes_retransmitted is None:
        return False
    return info.bytes_acked - (info.bytes_sent - info.bytes_retransmitted) == 2


def _ends(sock: InetSocket, known: Known | None) -> tuple[str | None, str | None, int | None]:
    """Source, destination and its port, from the table where the kernel has cleared them."""
    src = sock.src if known is None or not is_unspecified(sock.src) else known.src
    if is_unspecified(sock.dst):
        return _address(sock.family, src), None, None
    dst_port = sock.dst_port or (known.dst_port if known else 0)
    return _address(sock.family, src), address_text(sock.family, sock.dst), dst_port or None


def _outcome(sock: InetSocket, known: Known | None, info: TcpInfo) -> str | None:
    """A connection without its port any more was refused or aborted; what had been established was reset."""
    before = known is not None and known.established
    if not sock.dst_port:
        return RESET if before else None
    return ESTABLISHED if before or info.bytes_acked or info.rtt_us else None


def _missing_of_flow(network: Network, cleared: bool) -> list[Missing]:
    """Why fields are None; `cleared` tells that the kernel had emptied the socket before it reported its end."""
    missing: list[Missing] = []
    if network.src is None:
        missing.append(_NO_LOCAL_END if network.dst else _NOT_BOUND)
    if network.dst is None:
        missing += _NOT_CONNECTED
    elif network.dst_port is None:
        missing.append(_PORT_CLEARED)
    if network.transport == "tcp" and network.outcome is None:
        missing.append(_NEVER_ESTABLISHED)
    if network.bytes_in is None:
        missing += _BYTES_CLEARED if network.transport == "tcp" and cleared else _NOT_COUNTED
    if network.duration_ms is None:
        missing.append(_BEGAN_UNSEEN)
    return missing


def _event(
    kind: Kind, now: Timestamp, source: str, network: Network, owner: Owner | None, missing: list[Missing]
) -> Event:
    container = owner.container if owner else None
    return Event(
        kind,
        now,
        Evidence(source, tuple(missing)),
        container=Container(container) if container is not None and container != HOST else None,
        process=owner.process if owner else None,
        network=network,
    )


def _address(family: int, raw: bytes) -> str | None:
    return None if is_unspecified(raw) else address_text(family, raw)


def _transport(protocol: int) -> str:
    return "tcp" if protocol == TCP else "udp"


def _owner_evidence(owner: Owner | None) -> str | None:
    return "descriptor" if owner else None


def _why_no_owner(sock: InetSocket) -> Missing:
    return _NO_HOLDER if sock.inode else _NOT_ACCEPTED
