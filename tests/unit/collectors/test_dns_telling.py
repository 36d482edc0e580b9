"""From segments of DNS to events: who asked, what was answered, and what is left out."""

import struct
from collections.abc import Callable

import pytest
from network_scene import NetworkScene, ended, ends_of, family_of, sock, udp

from collectors.dns_names import DnsNames
from collectors.dns_streams import UNFINISHED
from collectors.dns_telling import DnsTelling
from collectors.inet_diag import TCP, UDP, address_bytes
from collectors.packet_headers import Segment
from collectors.socket_table import INBOUND, Ends, Known, Owner
from sensor.model.events import Event

SERVER = "10.0.0.2"


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def query(question: str, number: int = 7) -> bytes:
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + name(question) + struct.pack("!HH", 1, 1)


def answer(question: str, address: bytes = b"\xc0\0\2\7", number: int = 7, rcode: int = 0) -> bytes:
    head = struct.pack("!6H", number, 0x8180 | rcode, 1, 0 if rcode else 1, 0, 0)
    record = b"" if rcode else b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + address
    return head + name(question) + struct.pack("!HH", 1, 1) + record


class Scene(NetworkScene):
    def __init__(self) -> None:
        super().__init__()
        self.learnt = DnsNames(self.counters)
        self.dns = DnsTelling(
            table=self.table,
            telling=self.telling,
            attribution=self.attribution,
            own=self.own,  # type: ignore[arg-type]  # a fake
            names=self.learnt,
            counters=self.counters,
            clock=self.clock,
        )

    def ask(self, data: bytes, *, src: str = "192.0.2.1", sent: bool = True) -> None:
        self.dns.segment(datagram(src, 40000, SERVER, 53, data), sent=sent, within=False)

    def reply(self, data: bytes, *, dst: str = "192.0.2.1", sent: bool = False, within: bool = False) -> None:
        self.dns.segment(datagram(SERVER, 53, dst, 40000, data), sent=sent, within=within)

    def told(self) -> Event:
        (event,) = self.emitted.of("dns.query")
        return event


def datagram(src: str, src_port: int, dst: str, dst_port: int, data: bytes) -> Segment:
    return Segment(family_of(src), UDP, address_bytes(src), src_port, address_bytes(dst), dst_port, 0, 0, data, True)


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.task.add(42, "c1", sockets=[101])
    asking = udp(1, 40000)
    made.sockets[Ends(address_bytes("192.0.2.1"), 40000, address_bytes(SERVER), 53)] = asking
    return made


def test_a_query_and_its_answer_are_one_event_of_the_process_that_asked(scene: Scene) -> None:
    scene.ask(query("db.example.org"))
    scene.task.end(42)
    assert scene.emitted.events == []
    scene.reply(answer("db.example.org"))

    event = scene.told()
    assert event.dns is not None
    assert event.network is not None
    assert (event.dns.question, event.dns.type, event.dns.rcode, event.dns.server) == (
        "db.example.org",
        "A",
        "NOERROR",
        SERVER,
    )
    assert event.dns.answers == ("A 192.0.2.7",)
    assert (event.process and event.process.pid, event.container and event.container.id) == (42, "c1")
    assert (event.network.dst, event.network.dst_port, event.network.direction) == (SERVER, 53, "outbound")
    assert (event.evidence.missing, event.evidence.truncated) == ((), ())
    assert scene.learnt.name("192.0.2.7", scene.clock.monotonic()) == "db.example.org"


def test_a_query_without_an_answer_is_told_after_a_while(scene: Scene) -> None:
    scene.ask(query("db.example.org"))
    assert scene.dns.next_due() is not None
    scene.clock.advance(6)
    scene.dns.settle()

    event = scene.told()
    assert event.dns is not None
    assert (event.dns.rcode, event.dns.answers) == (None, ())
    assert ("dns.rcode", "no answer seen") in [(m.field, m.reason) for m in event.evidence.missing]


def test_an_answer_stands_by_itself_and_is_its_askers(scene: Scene) -> None:
    scene.reply(answer("db.example.org", rcode=3))

    event = scene.told()
    assert event.dns is not None
    assert (event.dns.rcode, event.process and event.process.pid) == ("NXDOMAIN", 42)


def test_a_server_in_the_task_tells_who_asked_it(scene: Scene) -> None:
    scene.own.names.add("db.example.org")  # the sensor asks for the same, but it is not outside
    scene.ask(query("db.example.org"), src="198.51.100.1", sent=False)
    scene.reply(answer("db.example.org"), dst="198.51.100.1", sent=True)

    event = scene.told()
    assert event.network is not None
    assert (event.network.direction, event.network.src, event.network.src_port) == ("inbound", SERVER, 53)
    assert (event.network.dst, event.network.dst_port) == ("198.51.100.1", 40000)
    assert event.network.scope == "public"
    assert scene.learnt.name("192.0.2.7", scene.clock.monotonic()) is None


def test_what_a_server_in_the_task_tells_the_task_names_its_connections(scene: Scene) -> None:
    scene.reply(answer("db.example.org"), sent=True, within=True)
    assert scene.learnt.name("192.0.2.7", scene.clock.monotonic()) == "db.example.org"


@pytest.mark.parametrize("direction", [INBOUND, None])
def test_a_server_in_the_task_is_found_by_the_connection_over_which_it_is_asked(
    scene: Scene, direction: str | None
) -> None:
    """`direction`: as it was known, or None where a dump has shown the connection first."""
    accepted = Known(2, TCP, Ends(address_bytes(SERVER), 53, address_bytes("198.51.100.1"), 40000), None)
    accepted.direction, accepted.owner = direction, Owner(scene.task.add(44, "c2"), "c2")
    scene.table.add(9, accepted)
    data = query("db.example.org")
    ends = (accepted.ends.dst, 40000, accepted.ends.src, 53)
    scene.dns.segment(
        Segment(2, TCP, *ends, 0x18, 1, struct.pack("!H", len(data)) + data, True), sent=False, within=False
    )
    scene.clock.advance(6)
    scene.dns.settle()

    event = scene.told()
    assert event.network is not None
    assert (event.network.direction, event.network.src, event.network.dst) == ("inbound", SERVER, "198.51.100.1")
    assert (event.process and event.process.pid, event.container and event.container.id) == (44, "c2")


def test_what_is_sent_to_a_server_is_no_answer_whatever_it_says(scene: Scene) -> None:
    """Else anybody could give any address any name."""
    scene.ask(answer("db.example.org"))
    assert scene.learnt.name("192.0.2.7", scene.clock.monotonic()) is None
    scene.clock.advance(6)
    scene.dns.settle()

    event = scene.told()
    assert event.network is not None
    assert (event.network.direction, event.network.dst, event.network.dst_port) == ("outbound", SERVER, 53)
    assert (event.dns and event.dns.question, event.process and event.process.pid) == ("db.example.org", 42)


@pytest.mark.parametrize("data", [query("db.example.org"), answer("db.example.org")])
def test_what_a_server_sends_is_an_answer_whatever_it_says(scene: Scene, data: bytes) -> None:
    scene.ask(query("db.example.org"))
    scene.reply(data)
    assert scene.told().dns is not None


def test_between_two_servers_the_message_says_who_asks(scene: Scene) -> None:
    there, back = ("192.0.2.1", 53, SERVER, 53), (SERVER, 53, "192.0.2.1", 53)
    scene.dns.segment(datagram(*there, query("db.example.org")), sent=True, within=False)
    scene.dns.segment(datagram(*back, answer("db.example.org")), sent=False, within=False)

    event = scene.told()
    assert event.network is not None
    assert (event.network.direction, event.dns and event.dns.answers) == ("outbound", ("A 192.0.2.7",))


def test_a_socket_that_asked_without_connecting_ends_with_the_server_it_asked(scene: Scene) -> None:
    scene.ask(query("db.example.org"))
    scene.tracker.end(ended(udp(1, 40000)))

    (flow,) = scene.emitted.of("network.flow")
    assert flow.network is not None
    assert (flow.network.dst, flow.network.dst_port, flow.process and flow.process.pid) == (SERVER, 53, 42)


@pytest.mark.parametrize("how", ["cookie", "pid", "name"])
def test_what_the_sensor_asks_is_not_told(scene: Scene, how: str) -> None:
    if how == "cookie":
        scene.own.cookies.add(1)
    elif how == "pid":
        scene.task.own.add(42)
    else:
        scene.task.end(42)
        scene.own.names.add("ingest.example.org")
    scene.ask(query("ingest.example.org"))
    scene.reply(answer("ingest.example.org"))

    assert scene.emitted.events == []
    assert scene.counters.seen["own_dns"] == 1


@pytest.mark.parametrize("open_still", [True, False])
def test_the_socket_that_the_sensors_resolver_asked_from_is_not_told_either(scene: Scene, open_still: bool) -> None:
    """Its end comes after the answer, and nobody holds it any more."""
    scene.task.end(42)
    scene.own.names.add("ingest.example.org")
    if not open_still:
        scene.sockets.clear()
    scene.ask(query("ingest.example.org"))
    scene.reply(answer("ingest.example.org"))
    scene.tracker.end(ended(udp(1, 40000, SERVER, 53, "192.0.2.1")))

    assert scene.emitted.events == []


def test_a_reset_ends_both_directions_of_a_stream(scene: Scene) -> None:
    client, server = (address_bytes("192.0.2.1"), 40001), (address_bytes(SERVER), 53)
    begun = struct.pack("!H", 60) + bytes(20)
    scene.dns.segment(Segment(2, TCP, *server, *client, 0x12, 6, b"", True), sent=False, within=False)
    scene.dns.segment(Segment(2, TCP, *server, *client, 0x18, 7, begun, True), sent=False, within=False)
    assert scene.counters.losses == {}
    scene.dns.segment(Segment(2, TCP, *client, *server, 0x14, 1, b"", True), sent=True, within=False)
    assert scene.counters.losses == {UNFINISHED: 1}


def test_over_tcp_a_message_in_pieces_is_put_together(scene: Scene) -> None:
    stream = sock(src_port=40001, dst=SERVER, dst_port=53, inode=101)
    scene.sockets[ends_of(stream)] = stream
    data = answer("db.example.org")
    whole, at = struct.pack("!H", len(data)) + data, 1000
    back = Segment(stream.family, TCP, stream.dst, 53, stream.src, 40001, 0x12, at - 1, b"", True)
    scene.dns.segment(back, sent=False, within=False)
    for piece in (whole[:9], whole[9:]):
        scene.dns.segment(back._replace(flags=0x18, sequence=at, payload=piece), sent=False, within=False)
        at += len(piece)

    event = scene.told()
    assert event.network is not None
    assert (event.network.transport, event.dns and event.dns.answers) == ("tcp", ("A 192.0.2.7",))


def test_what_is_no_dns_is_counted(scene: Scene) -> None:
    scene.ask(b"no dns")

    assert scene.emitted.events == []
    assert scene.counters.losses == {"dns_unreadable": 1}


def test_the_rest_of_a_datagram_that_is_too_much_work_is_counted(scene: Scene) -> None:
    records = (b"\1a" * 60 + b"\0" + struct.pack("!HHIH", 2, 1, 60, 0)) * 9
    laborious = struct.pack("!6H", 7, 0x100, 1, 0, 9, 0) + name("www.example.org") + struct.pack("!HH", 1, 1) + records
    scene.ask(laborious * 128)
    assert scene.counters.losses == {"dns_unreadable": 1}


def truncated(data: bytes) -> bytes:
    """As the sender says it of itself (TC)."""
    return data[:2] + bytes([data[2] | 2]) + data[3:]


def long_text(data: bytes) -> bytes:
    """Instead of the answer a text of more than is kept."""
    text = (b"\xff" + bytes(255)) * 16
    return data[:-14] + struct.pack("!HHIH", 16, 1, 60, len(text)) + text


@pytest.mark.parametrize("cut", [lambda data: data[:-2], truncated, long_text])
def test_an_answer_that_was_cut_says_so(scene: Scene, cut: Callable[[bytes], bytes]) -> None:
    scene.reply(cut(answer("db.example.org")))

    assert scene.told().evidence.truncated == ("dns.answers",)


def test_who_asked_is_named_as_missing_where_nobody_holds_the_socket(scene: Scene) -> None:
    scene.task.end(42)
    scene.ask(query("db.example.org"))
    scene.reply(answer("db.example.org"))
    missing = [(entry.field, entry.reason) for entry in scene.told().evidence.missing]
    assert missing == [("process", "nobody readable holds the socket")]


def test_queries_that_are_sent_in_one_piece_are_all_told(scene: Scene) -> None:
    scene.ask(b"".join(query(f"{number}.example.org", number) for number in range(10)))
    for number in range(10):
        scene.reply(answer(f"{number}.example.org", number=number))
    asked = [event.dns.question for event in scene.emitted.of("dns.query") if event.dns is not None]
    assert asked == [f"{number}.example.org" for number in range(10)]
    assert not scene.counters.losses


def test_what_asks_on_the_ends_of_anothers_connection_is_not_that_other(scene: Scene) -> None:
    scene.task.add(43, "c1", sockets=[100])
    scene.dump(sock(100, 100, src="192.0.2.1", src_port=40000, dst=SERVER, dst_port=53))
    scene.dump(sock(100, 100, src="192.0.2.1", src_port=40000, dst=SERVER, dst_port=53))
    scene.ask(query("db.example.org"))
    scene.reply(answer("db.example.org"))
    event = scene.told()
    assert event.process is not None
    assert event.network is not None
    assert (event.process.pid, event.network.transport) == (42, "udp")


@pytest.mark.parametrize(("shown_s", "duration_ms"), [(2, 4000.0), (1, None)])
def test_a_socket_is_as_old_as_it_was_when_it_asked(scene: Scene, shown_s: int, duration_ms: float | None) -> None:
    asking = udp(1, 40000)
    for second in range(3):
        scene.dump(*([asking] if second + 1 >= shown_s else []))
    scene.clock.advance(2)
    scene.ask(query("db.example.org"))
    scene.tracker.end(ended(asking))

    assert [network.duration_ms for network in scene.networks("network.flow")] == [duration_ms]
