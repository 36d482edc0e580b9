"""What comes too often becomes one event a minute, and no count and no byte is lost on the way."""

from collections.abc import Callable

import pytest
from fakes import Emitted
from hypothesis import given
from hypothesis import strategies as st

from collectors.network_fold import ANY_DESTINATION, MOST, WINDOW_S, NetworkFold
from sensor.model.counters import Counters
from sensor.model.events import Dns, Event, Evidence, Missing, Network, Process, Timestamp
from sensor.model.kinds import Kind

RATE = 3


class Scene:
    def __init__(self, per_minute: int | None = RATE) -> None:
        self.emitted = Emitted()
        self.counters = Counters()
        self.waits: list[tuple[float, Callable[[], None]]] = []
        self.fold = NetworkFold(
            self.emitted,
            counters=self.counters,
            later=lambda seconds, call: self.waits.append((seconds, call)),
            per_minute=per_minute,
        )

    def end_window(self) -> None:
        ((seconds, call),) = self.waits
        assert seconds == WINDOW_S
        self.waits.clear()
        call()


def flow(
    port: int = 50000, *, pid: int = 5, dst: str = "192.0.2.9", dst_port: int = 443, size: int | None = 10,
    direction: str = "outbound", outcome: str = "established",
) -> Event:  # fmt: skip
    network = Network(
        direction=direction, transport="tcp", src="192.0.2.1", src_port=port, dst=dst, dst_port=dst_port,
        outcome=outcome, bytes_in=size, bytes_out=1, duration_ms=float(port), scope="public",
    )  # fmt: skip
    return Event(Kind.NETWORK_FLOW, Timestamp(port), Evidence("t"), process=Process(f"e{pid}", pid), network=network)


def test_the_first_are_told_singly_and_the_rest_as_one_at_the_end_of_the_window() -> None:
    scene = Scene()
    for port in range(10):
        scene.fold.put(flow(50000 + port))
    assert [event.count for event in scene.emitted.events] == [1, 1, 1]

    scene.end_window()
    folded = scene.emitted.events[-1]
    assert folded.count == 7
    assert folded.network is not None
    assert (folded.network.bytes_in, folded.network.bytes_out) == (70, 7)
    assert (folded.network.src_port, folded.network.duration_ms, folded.network.dst_port) == (None, None, 443)
    assert {m.field for m in folded.evidence.missing} == {"network.src_port", "network.duration_ms"}


def test_each_window_begins_anew() -> None:
    scene = Scene()
    for _ in range(2):
        for port in range(RATE):
            scene.fold.put(flow(port))
        scene.end_window()

    assert len(scene.emitted.events) == 2 * RATE
    assert scene.waits == []


@pytest.mark.parametrize("other", [{"pid": 6}, {"dst": "192.0.2.8"}, {"dst_port": 80}, {"outcome": "refused"}])
def test_another_process_destination_or_outcome_is_told_by_itself(other: dict[str, object]) -> None:
    scene = Scene()
    for port in range(RATE + 1):
        scene.fold.put(flow(port))
    scene.fold.put(flow(**other))  # type: ignore[arg-type]  # one of its named parameters

    assert len(scene.emitted.events) == RATE + 1


def test_a_scan_is_folded_as_a_whole_and_names_no_destination() -> None:
    scene = Scene()
    for number in range(1000):
        scene.fold.put(flow(number, dst_port=number))
    told = len(scene.emitted.events)
    scene.end_window()

    assert told == ANY_DESTINATION * RATE
    (rest,) = scene.emitted.events[told:]
    assert rest.network is not None
    assert (rest.count, rest.network.dst_port, rest.network.dst) == (1000 - told, None, "192.0.2.9")


def test_clients_of_a_server_are_folded_by_the_port_that_they_come_to() -> None:
    scene = Scene()
    for number in range(200):
        scene.fold.put(flow(8080, dst=f"198.51.100.{number}", dst_port=1024 + number, direction="inbound"))
    scene.end_window()

    rest = scene.emitted.events[-1]
    assert rest.network is not None
    assert (rest.network.src_port, rest.network.dst, rest.network.dst_port) == (8080, None, None)
    assert sum(event.count for event in scene.emitted.events) == 200


def test_the_same_dns_exchange_is_folded_and_every_other_question_is_told() -> None:
    scene = Scene()
    ask = flow(dst_port=53)._replace(kind=Kind.DNS_QUERY, dns=Dns("example.org", "A", "NOERROR"))
    for _ in range(20):
        scene.fold.put(ask)
    for number in range(100):
        scene.fold.put(ask._replace(dns=Dns(f"{number}.example.org", "TXT", "NXDOMAIN")))
    scene.end_window()

    assert len([event for event in scene.emitted.events if event.dns and event.dns.type == "TXT"]) == 100
    assert [event.count for event in scene.emitted.events if event.dns and event.dns.type == "A"] == [1, 1, 1, 17]


def test_what_is_told_apart_is_bounded_and_holds_back_nobodys_first() -> None:
    scene = Scene()
    for number in range(3 * MOST):
        scene.fold.put(flow(number, pid=number))
        assert len(scene.fold._windows) <= MOST + 1
    assert len(scene.emitted.events) == 3 * MOST, "each is the first of its process"
    scene.end_window()
    assert len(scene.emitted.events) == 3 * MOST


def test_many_questions_of_one_hold_back_nobody_else() -> None:
    scene = Scene()
    for number in range(2 * MOST):
        asked = Dns(f"{number}.example.org", "TXT", "NXDOMAIN")
        scene.fold.put(flow(dst_port=53)._replace(kind=Kind.DNS_QUERY, dns=asked))
        assert len(scene.fold._windows) <= MOST + 1
    scene.fold.put(flow(pid=6))
    assert scene.emitted.events[-1].kind == Kind.NETWORK_FLOW


def test_what_is_folded_when_the_room_is_full_is_told_then_and_once() -> None:
    scene = Scene()
    for port in range(RATE + 5):
        scene.fold.put(flow(port))
    for number in range(MOST):
        scene.fold.put(flow(number, pid=1000 + number))
    (folded,) = [event for event in scene.emitted.events if event.count > 1]
    assert folded.count == 5
    scene.end_window()
    assert sum(event.count for event in scene.emitted.events) == RATE + 5 + MOST


def test_without_a_rate_nothing_is_folded() -> None:
    scene = Scene(per_minute=None)
    for port in range(100):
        scene.fold.put(flow(port))

    assert len(scene.emitted.events) == 100
    assert scene.waits == []


def test_a_sum_with_an_unknown_is_unknown() -> None:
    scene = Scene(per_minute=0)
    for size in (1, None, 2):
        scene.fold.put(flow(size=size))
    scene.end_window()
    (together,) = [event.network for event in scene.emitted.events]
    assert together is not None
    assert (together.bytes_in, together.bytes_out) == (None, 3)


def test_what_differed_once_is_not_told_though_the_last_are_alike() -> None:
    scene = Scene(per_minute=0)
    for host in ("one", "other", "other"):
        one = flow()
        assert one.network is not None
        missing = (Missing("process", "gone"),) if host == "one" else ()
        scene.fold.put(
            one._replace(network=one.network._replace(hostname=host), evidence=Evidence("t", missing=missing))
        )
    scene.end_window()
    (folded,) = scene.emitted.events
    assert folded.network is not None
    assert (folded.network.hostname, folded.network.src_port) == (None, 50000)
    assert folded.evidence.missing == (
        Missing("process", "gone"), Missing("network.hostname", "differs among those folded"),
    )  # fmt: skip


flows = st.builds(
    flow,
    port=st.integers(1, 5),
    pid=st.integers(1, 3),
    dst_port=st.integers(1, 40),
    size=st.integers(0, 9),
    direction=st.sampled_from(["inbound", "outbound"]),
)


@given(st.lists(flows, max_size=300))
def test_counts_and_bytes_add_up_whatever_comes(events: list[Event]) -> None:
    scene = Scene()
    for event in events:
        scene.fold.put(event)
    scene.fold.flush()

    assert sum(event.count for event in scene.emitted.events) == len(events)
    sizes = [event.network.bytes_in for event in scene.emitted.events if event.network]
    assert sum(size or 0 for size in sizes) == sum(event.network.bytes_in or 0 for event in events if event.network)
