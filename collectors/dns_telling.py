"""DNS exchanges, from segments to events: who asked whom for what, and what the answer was."""

from collections.abc import Iterable

from collectors import network_events as events
from collectors.attribution import Attribution
from collectors.dns_exchanges import Client, Exchange, Exchanges
from collectors.dns_message import DnsMessage, Question, parse, parse_all
from collectors.dns_names import DnsNames
from collectors.dns_streams import DnsStreams
from collectors.inet_diag import TCP, UDP, address_text
from collectors.network_telling import DNS, NetworkTelling
from collectors.own_sockets import OwnSockets
from collectors.packet_filter import RST, SYN
from collectors.packet_headers import Segment
from collectors.socket_table import INBOUND, OUTBOUND, Ends, Known, SocketTable, reverse
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Dns, Event, Evidence, Missing, Timestamp
from sensor.model.kinds import Kind

FIN = 0x01
"""TCP flag (RFC 9293)."""
UNREADABLE = "dns_unreadable"
"""The reason of a loss: what came from or went to port 53 is no DNS message, or too much work to read."""

_NO_ANSWER = Missing("dns.rcode", "no answer seen")
_NO_PROCESS = Missing("process", "nobody readable holds the socket")


class DnsTelling:
    """Fed with segments from or to port 53; `settle` is called when `next_due` says."""

    def __init__(
        self,
        *,
        table: SocketTable,
        telling: NetworkTelling,
        attribution: Attribution,
        own: OwnSockets,
        names: DnsNames,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._table = table
        self._telling = telling
        self._attribution = attribution
        self._own = own
        self._names = names
        self._counters = counters
        self._clock = clock
        self._streams = DnsStreams(clock=clock, counters=counters)
        self._exchanges: Exchanges[Known] = Exchanges(clock=clock, counters=counters)

    def segment(self, segment: Segment, *, sent: bool, within: bool) -> None:
        """A datagram, or a piece of a stream. `within`: over loopback, so that both ends are the task's."""
        for message in self._messages(segment):
            if message is None:
                self._counters.lost(UNREADABLE)
                continue
            if message.fault is not None and segment.whole:
                self._counters.add("dns_faults")
            self._message(segment, message, sent=sent, within=within)

    def settle(self) -> None:
        """Tell of the queries that stayed without an answer."""
        for exchange in self._exchanges.due():
            self._tell(exchange, exchange.owner)

    def next_due(self) -> float | None:
        """When `settle` has something to do, in monotonic seconds."""
        return self._exchanges.next_due()

    def _messages(self, segment: Segment) -> Iterable[DnsMessage | None]:
        if segment.protocol == UDP:
            return parse_all(segment.payload) if segment.whole else (parse(segment.payload),)
        if segment.flags & RST:  # of both directions
            self._streams.forget((segment.family, TCP, segment.dst, segment.dst_port, segment.src, segment.src_port))
        flags = {"syn": bool(segment.flags & SYN), "fin": bool(segment.flags & FIN), "rst": bool(segment.flags & RST)}
        return map(parse, self._streams.feed(segment[:6], segment.sequence, segment.payload, **flags))

    def _message(self, segment: Segment, message: DnsMessage, *, sent: bool, within: bool) -> None:
        """Who is the server is told by its port: the message says what its sender likes."""
        if segment.src_port != DNS or (segment.dst_port == DNS and not message.is_response):
            ends = Ends(segment.src, segment.src_port, segment.dst, segment.dst_port)
            known = self._known(segment, ends, outbound=sent)
            client, server = _client(segment.protocol, segment.family, ends)
            self._exchanges.query(client, server, message, known)
            return
        ends = Ends(segment.dst, segment.dst_port, segment.src, segment.src_port)
        client, server = _client(segment.protocol, segment.family, ends)
        if within or not sent:  # what the task tells others names none of its own connections
            self._names.learn(message, self._clock.monotonic())
        exchange = self._exchanges.answer(client, server, message)
        if exchange is not None:
            known = exchange.owner or self._known(segment, ends, outbound=within or not sent)
            self._tell(exchange, known)

    def _known(self, segment: Segment, ends: Ends, *, outbound: bool) -> Known:
        """Who asks, or where another task does, who is asked; `ends` are the client's and the server's.

        A socket that asked by UDP is remembered, so that its end is told with the server it asked.
        """
        direction = OUTBOUND if outbound else INBOUND
        ends = ends if outbound else reverse(ends)
        known = self._table.at(segment.protocol, ends)
        if known is not None:
            known.direction = known.direction or direction
            return known
        if segment.protocol == TCP:
            return Known(segment.family, TCP, ends, None, direction=direction)
        known = Known(segment.family, UDP, ends, self._clock.monotonic(), direction=direction, told=True)
        if outbound and (sock := self._attribution.look_up(known)) is not None:
            self._table.attach(sock.cookie, known)
        return known

    def _tell(self, exchange: Exchange[Known], known: Known | None) -> None:
        question = exchange.question
        if question is None:
            self._counters.add("dns_without_question")
            return
        if known is None or known.own or (_may_be_own(known) and self._own.asks_for(question.name)):
            self._counters.add("own_dns")
            if known is not None and known.owner is None:
                known.own = True
                self._own.asked_from(known.ends)
            return
        self._telling.put(_event(exchange, question, known, self._clock.wall()))


def _may_be_own(known: Known) -> bool:
    """Whether the sensor's resolver may have asked: nobody else is known to, and it was asked from here."""
    return known.owner is None and known.direction == OUTBOUND


def _client(protocol: int, family: int, ends: Ends) -> tuple[Client, str]:
    """Who asks, and the server's address."""
    client = Client("tcp" if protocol == TCP else "udp", address_text(family, ends.src), ends.src_port)
    return client, address_text(family, ends.dst)


def _event(exchange: Exchange[Known], question: Question, known: Known, now: Timestamp) -> Event:
    answer = exchange.answer
    dns = Dns(
        question=question.name,
        type=question.type,
        rcode=answer.rcode if answer else None,
        answers=tuple(record.text for record in answer.answers) if answer else (),
        server=exchange.server,
    )
    missing = [*([] if answer else [_NO_ANSWER]), *([] if known.owner else [_NO_PROCESS])]
    cut = answer is not None and (answer.cut or answer.truncated or answer.fault is not None)
    return Event(
        Kind.DNS_QUERY,
        now,
        Evidence(events.TAP, tuple(missing), ("dns.answers",) if cut else ()),
        container=events.container_of(known.owner),
        process=events.process_of(known.owner),
        network=events.network_of(known),
        dns=dns,
    )
