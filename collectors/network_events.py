"""The events of sockets: what the kernel says of one, in the words of the model."""

from functools import lru_cache
from typing import NamedTuple

from collectors.address_marks import endpoint, scope
from collectors.inet_diag import TCP, InetSocket, TcpInfo, address_text, is_unspecified
from collectors.socket_table import INBOUND, Known, Owner
from sensor.model import absent
from sensor.model.events import Container, Event, Evidence, Loss, Missing, Network, Process, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST

DUMP, DESTROY, TAP = "sock_diag", "sock_diag_destroy", "packet_tap"
"""Values of `evidence.source`: a dump of what is open, the notification of an end, and a packet."""

ESTABLISHED, REFUSED, TIMED_OUT, RESET = "established", "refused", "timed_out", "reset"
DESCRIPTOR, RECENT = "descriptor", "recent"

ADDRESSES = 256
"""Whose texts are kept: most connections have the ends of others before them."""

_NOT_ACCEPTED = Missing("process", "not accepted yet")
_NO_HOLDER = Missing("process", "nobody readable holds the socket")
_TOO_SHORT = Missing("process", "ended before anybody looked")
_BEGAN_UNSEEN = Missing("network.duration_ms", "its beginning was not seen")
_ENDED_LATE = Missing("network.duration_ms", "its end was read late")
_NOT_BOUND = Missing("network.src", absent.TO_EVERY_ADDRESS)
_NOT_CONNECTED = tuple(Missing(field, absent.NOT_CONNECTED) for field in ("network.dst", "network.dst_port"))
_NO_LOCAL_END = Missing("network.src", "cleared by the kernel")
_PORT_CLEARED = Missing("network.dst_port", "cleared by the kernel")
_NO_ANSWER = Missing("network.outcome", "no answer yet")
_NOT_SEEN = Missing("network.outcome", "its answer was not seen")
_NEVER_ESTABLISHED = Missing("network.outcome", absent.NEVER_ESTABLISHED)
_NOT_COUNTED = (Missing("network.bytes_in", "unsupported"), Missing("network.bytes_out", "unsupported"))
_BYTES_CLEARED = (
    Missing("network.bytes_in", "cleared by the kernel"),
    Missing("network.bytes_out", "cleared by the kernel"),
)


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
        owner_evidence=DESCRIPTOR if owner else None,
    )
    return _event(Kind.NETWORK_LISTEN, now, DUMP, network, owner, [] if owner else [_NO_HOLDER])


def connected(known: Known, now: Timestamp, *, accepted: bool = True) -> Event:
    """A connection that is open, was refused, or is still being opened (then without an outcome).

    `accepted` is false where it waits in a listener's queue: nobody owns it then.
    """
    seen = known.at is not None
    network = network_of(known)._replace(outcome=_outcome_now(known))
    missing = [] if known.owner else [_NO_HOLDER if accepted else _NOT_ACCEPTED]
    if network.outcome is None and known.protocol == TCP:
        missing.append(_NO_ANSWER)
    return _event(Kind.NETWORK_CONNECT, known.at or now, TAP if seen else DUMP, network, known.owner, missing)


def ended(sock: InetSocket, known: Known, duration_s: float | None, now: Timestamp, *, was_known: bool = True) -> Event:
    """A socket that was destroyed, with what it carried; `known` has what was known of it before its end.

    `duration_s` is None where its beginning was not seen, or its end was read late. `was_known` is false where it was
    heard of by its end only.
    """
    info = sock.info or TcpInfo()
    cleared = not sock.dst_port
    sizes = payload(info, inbound=known.direction == INBOUND) if not cleared else Payload(None, None)
    network = network_of(known)._replace(
        outcome=_outcome_then(sock, known, info) if known.protocol == TCP else None,
        bytes_in=sizes.bytes_in,
        bytes_out=sizes.bytes_out,
        duration_ms=None if duration_s is None else round(duration_s * 1000, 3),
        rtt_us=info.rtt_us or None,
        retransmits=None if cleared else info.retransmits,
    )
    if network.outcome in (REFUSED, TIMED_OUT):
        network = network._replace(bytes_in=0, bytes_out=0)
    missing = _missing_of_flow(network, known, cleared=cleared)
    if known.owner is None:
        looked = known.looks or (known.told and known.protocol == TCP)
        missing.append(_NO_HOLDER if was_known and looked else _TOO_SHORT)
    return _event(Kind.NETWORK_FLOW, now, DESTROY, network, known.owner, missing)


def lost(reason: str, count: int | None, collector: str, now: Timestamp, *, source: str = DESTROY) -> Event:
    """So many messages or packets were lost; None for a number that nobody knows."""
    loss = Loss(reason, "unknown" if count is None else "exact", count, collector)
    return Event(Kind.SENSOR_LOSS, now, Evidence(source), loss=loss)


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


def network_of(known: Known) -> Network:
    """Who talks to whom."""
    ends = known.ends
    dst, where, marks = _far_end(known.family, ends.dst)
    return Network(
        direction=known.direction,
        transport=_transport(known.protocol),
        src=address_of(known.family, ends.src),
        src_port=ends.src_port,
        dst=dst,
        dst_port=ends.dst_port or None,
        hostname=known.hostname,
        owner_evidence=(known.evidence or DESCRIPTOR) if known.owner else None,
        scope=where,
        marks=marks,
    )


def _outcome_now(known: Known) -> str | None:
    if known.reset:
        return RESET
    if known.refused:
        return REFUSED
    return ESTABLISHED if known.established else None


def _outcome_then(sock: InetSocket, known: Known, info: TcpInfo) -> str | None:
    """How it went in the end. Without packets seen, what the kernel has cleared was refused, aborted or given up.

    A connect whose SYN was seen, and no answer to it, was given up by the app or by the kernel: it timed out.
    """
    established = known.established or bool(info.bytes_acked or info.rtt_us)
    if known.refused and not established:
        return REFUSED
    if known.reset or (established and not sock.dst_port):
        return RESET
    if established:
        return ESTABLISHED
    waited = known.at is not None and known.direction != INBOUND and not known.unsure
    return TIMED_OUT if waited else None


def _missing_of_flow(network: Network, known: Known, cleared: bool) -> list[Missing]:
    """Why fields are None; `cleared` tells that the kernel had emptied the socket before it reported its end."""
    missing: list[Missing] = []
    if network.src is None:
        missing.append(_NO_LOCAL_END if network.dst else _NOT_BOUND)
    if network.dst is None:
        missing += _NOT_CONNECTED
    elif network.dst_port is None:
        missing.append(_PORT_CLEARED)
    if network.transport == "tcp" and network.outcome is None:
        missing.append(_NOT_SEEN if known.at is not None else _NEVER_ESTABLISHED)
    if network.bytes_in is None:
        missing += _BYTES_CLEARED if network.transport == "tcp" and cleared else _NOT_COUNTED
    if network.duration_ms is None:
        missing.append(_ENDED_LATE if known.ended_late else _BEGAN_UNSEEN)
    return missing


def _event(
    kind: Kind, now: Timestamp, source: str, network: Network, owner: Owner | None, missing: list[Missing]
) -> Event:
    return Event(
        kind,
        now,
        Evidence(source, tuple(missing)),
        container=container_of(owner),
        process=owner.process if owner else None,
        network=network,
    )


def container_of(owner: Owner | None) -> Container | None:
    """The container of a socket's owner; None where that is unknown, or the plain machine."""
    container = owner.container if owner else None
    return Container(container) if container is not None and container != HOST else None


def process_of(owner: Owner | None) -> Process | None:
    """The process that owns a socket."""
    return owner.process if owner else None


@lru_cache(ADDRESSES)
def address_of(family: int, raw: bytes) -> str | None:
    """The address for people; None where there is none."""
    return None if is_unspecified(raw) else address_text(family, raw)


@lru_cache(ADDRESSES)
def _far_end(family: int, raw: bytes) -> tuple[str | None, str | None, tuple[str, ...]]:
    """The address for people, its scope and its marks."""
    mark = endpoint(raw)
    return address_of(family, raw), scope(family, raw), (mark,) if mark else ()


def _transport(protocol: int) -> str:
    return "tcp" if protocol == TCP else "udp"
