"""What becomes of a match: a detection event, suppressed where that was asked for, folded where it came before."""

from collections.abc import Sequence

import pytest

from sensor.detect.acts import MOST_BEGUN, WRITTEN_NS
from sensor.detect.compact import RuleSet, Suppression
from sensor.detect.detector import Detector
from sensor.detect.engine import Engine
from sensor.detect.repeats import LONGEST_WINDOW_S, MOST_DIFFERENT, MOST_HELD, MOST_KNOWN, WINDOW_S
from sensor.detect.suppressions import Suppressions
from sensor.model.counters import Counters
from sensor.model.events import (
    Container,
    Detection,
    Event,
    File,
    Header,
    Missing,
    Network,
    Process,
    Sensor,
    Task,
    Timestamp,
)
from sensor.model.kinds import Kind, Lane, lane_of
from sensor.model.times import NS
from sensor.model.weight import weight
from tests.fakes import START
from tests.fakes_timers import FakeTimers
from tests.rules_from import ID, compiled, exec_event, rule_text

RULES = compiled(
    rule_text("sel: {Image|endswith: [/nmap, /curl]}\ncondition: sel"),
    rule_text("sel: {ParentUser: www}\ncondition: sel", ident="11111111-2222-4333-8444-555555555556", title="by www"),
    rule_text(
        "sel: {DestinationPort: 4444}\ncondition: sel",
        category="network_connection",
        ident="11111111-2222-4333-8444-555555555557",
    ),
    rule_text(
        "sel: {TargetFilename|startswith: /etc/cron.d/}\ncondition: sel",
        category="file_event",
        ident="11111111-2222-4333-8444-555555555559",
    ),
    rule_text(
        "sel: {network.transport: tcp}\ncondition: sel",
        category="network.listen",
        ident="11111111-2222-4333-8444-555555555558",
    ),
)
DAY = 86_400


class Bench:
    def __init__(self, suppressions: Sequence[Suppression] = (), family: str = "web") -> None:
        self.timers, self.counters = FakeTimers(), Counters()
        self.later: list[Event] = []
        self.parents: dict[str, Process] = {}
        header = Header(Sensor("s", "e", "0"), task=Task("ecs", family=family))
        self.detector = Detector(
            header=lambda: header,
            current=self.parents.get,
            counters=self.counters,
            clock=self.timers.clock,
        )
        self.detector.use(Engine(RULES._replace(suppressions=tuple(suppressions))))
        self.detector.start(self.later.append, self.timers.later)

    def detect(self, *events: Event) -> list[Event]:
        return [told for event in events for told in self.detector.detect(event, event)]


def suppression(**fields: object) -> Suppression:
    made = Suppression("*", START // 10**9 + DAY, "ticket 1", "s.yml:1")
    return made._replace(**fields)  # type: ignore[arg-type]  # the fields of a suppression


def test_a_detection_has_the_rule_the_event_and_its_ancestors() -> None:
    event = exec_event("nmap -sT 10.0.0.0/8")

    (told,) = Bench().detect(event)

    assert told.kind is Kind.DETECTION
    assert lane_of(told.kind) is Lane.URGENT
    assert told.detection == Detection(ID, "a rule", "high", "somebody", ("attack.execution",))
    assert (told.process, told.container, told.time) == (event.process, event.container, event.time)


def test_what_matches_nothing_leads_to_nothing() -> None:
    assert Bench().detect(exec_event("ls"), exec_event("ls")._replace(kind=Kind.SENSOR_START)) == []


def test_the_parent_is_the_one_that_the_task_knows() -> None:
    bench = Bench()
    bench.parents["above"] = Process("above", 1, user="www")

    assert [told.detection.title for told in bench.detect(exec_event("ls")) if told.detection] == ["by www"]


def test_a_suppression_for_every_task_is_one_outside_of_ecs_too() -> None:
    found = Suppressions([suppression()])
    assert found.of(RULES.rules[0], exec_event("nmap"), Header(Sensor("s", "e", "0"))) == suppression()


def test_a_window_lasts() -> None:
    bench = Bench()
    assert len(bench.detect(exec_event("curl x"))) == 1
    bench.timers.pass_time(WINDOW_S - 1)
    assert bench.detect(exec_event("curl x")) == []
    assert bench.later == []


def test_the_same_again_is_told_once_more_with_its_count() -> None:
    bench = Bench()

    told = bench.detect(*(exec_event("curl x") for _ in range(5)), exec_event("curl y"))
    bench.timers.pass_time(WINDOW_S)

    assert len(told) == 2
    assert [(event.count, event.kind) for event in bench.later] == [(4, Kind.DETECTION)]
    assert bench.counters.seen["detections_folded"] == 4


def connection(kind: Kind, **fields: object) -> Event:
    network = Network(direction="outbound", transport="tcp", src="10.0.0.2", dst="203.0.113.9", dst_port=4444)
    return exec_event("curl x")._replace(kind=kind, network=network)._replace(**fields)  # type: ignore[arg-type]


BEGINS, ENDS = connection(Kind.NETWORK_CONNECT), connection(Kind.NETWORK_FLOW)


@pytest.mark.parametrize("suppressed", [False, True])
def test_a_connection_is_detected_once_whenever_it_ends(suppressed: bool) -> None:
    bench = Bench([suppression()] if suppressed else [])

    told = bench.detect(BEGINS, ENDS)
    told += bench.detect(BEGINS)
    bench.timers.pass_time(10 * WINDOW_S)
    told += bench.detect(ENDS)
    bench.timers.pass_time(10 * WINDOW_S)

    assert sum(event.count for event in told + bench.later) == (0 if suppressed else 2)
    assert bench.counters.seen.get("suppressed", 0) == (2 if suppressed else 0)


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ([ENDS], [1]),
        ([BEGINS, ENDS, ENDS], [1, 1]),
        ([BEGINS, connection(Kind.NETWORK_FLOW, count=5)], [1, 4]),
        ([connection(Kind.NETWORK_CONNECT, count=3), ENDS, connection(Kind.NETWORK_FLOW, count=2)], [3]),
        ([connection(Kind.NETWORK_CONNECT, count=3), ENDS, ENDS, ENDS, ENDS], [3, 1]),
        ([BEGINS, BEGINS, ENDS, ENDS], [1, 1]),
        ([ENDS, BEGINS, ENDS], [1, 1]),
        ([BEGINS, connection(Kind.NETWORK_FLOW, time=Timestamp(BEGINS.time + 3600 * NS))], [1]),
        ([connection(Kind.NETWORK_CONNECT, process=None), ENDS], [1, 1]),
        ([exec_event("curl x"), exec_event("curl x")], [1, 1]),
    ],
)
def test_an_end_without_its_beginning_is_a_detection(events: list[Event], counts: list[int]) -> None:
    bench = Bench()

    told = bench.detect(*events)
    bench.timers.pass_time(WINDOW_S)

    assert [event.count for event in told + bench.later] == counts


def written(kind: Kind, after_ns: int = 0) -> Event:
    return exec_event("tee x")._replace(kind=kind, file=File("/etc/cron.d/x"), time=Timestamp(START + after_ns))


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ([written(Kind.FILE_CREATE), written(Kind.FILE_MODIFY, WRITTEN_NS)], [1]),
        ([written(Kind.FILE_CREATE), written(Kind.FILE_MODIFY, WRITTEN_NS + 1)], [1, 1]),
        ([written(Kind.FILE_CREATE), written(Kind.FILE_MODIFY, 1), written(Kind.FILE_MODIFY, 2)], [1, 1]),
        ([written(Kind.FILE_CREATE), written(Kind.FILE_RENAME), written(Kind.FILE_MODIFY)], [1, 1]),
        ([written(Kind.FILE_CREATE), written(Kind.FILE_RENAME)], [1, 1]),
        ([written(Kind.FILE_MODIFY)], [1]),
        ([written(Kind.FILE_CREATE), written(Kind.FILE_MODIFY)._replace(file=File("/etc/cron.d/y"))], [1, 1]),
    ],
)
def test_a_new_file_is_detected_once_when_it_is_written(events: list[Event], counts: list[int]) -> None:
    bench = Bench()

    told = bench.detect(*events)
    bench.timers.pass_time(WINDOW_S)

    assert [event.count for event in told + bench.later] == counts


def test_what_was_connected_to_the_longest_ago_is_forgotten() -> None:
    bench = Bench()
    others = [BEGINS._replace(container=Container(str(n))) for n in range(MOST_BEGUN)]
    bench.detect(BEGINS, *others[1:], BEGINS, others[0])

    assert bench.detect(ENDS) == []
    assert len(bench.detect(others[1]._replace(kind=Kind.NETWORK_FLOW))) == 1
    assert bench.detect(others[2]._replace(kind=Kind.NETWORK_FLOW)) == []


def test_each_port_that_a_program_listens_on_is_a_detection() -> None:
    def listens(port: int) -> Event:
        network = Network(direction="listen", transport="tcp", src="0.0.0.0", src_port=port)
        return exec_event("nc")._replace(kind=Kind.NETWORK_LISTEN, network=network)

    assert len(Bench().detect(listens(80), listens(4444), listens(80))) == 2


def test_what_goes_on_is_told_ever_more_seldom_and_what_ended_is_new_again() -> None:
    bench = Bench()
    bench.detect(exec_event("curl x"))
    for _ in range(400):
        bench.detect(exec_event("curl x"))
        bench.timers.pass_time(WINDOW_S)
    told = len(bench.later)

    bench.timers.pass_time(3 * LONGEST_WINDOW_S)

    assert told < 15
    assert sum(event.count for event in bench.later) == 400
    assert bench.timers.waiting == []
    assert len(bench.detect(exec_event("curl x"))) == 1


def goes_on_elsewhere(bench: Bench, seconds: float) -> None:
    """The same detection every twenty seconds, in another container."""
    for _ in range(int(seconds // 20)):
        bench.detect(exec_event("curl a")._replace(container=Container("other")))
        bench.timers.pass_time(20)


def beside_a_long_window() -> Bench:
    bench = Bench()
    goes_on_elsewhere(bench, 1.1 * LONGEST_WINDOW_S)
    return bench


def test_what_comes_seldom_is_told_at_once_while_something_else_goes_on() -> None:
    bench = beside_a_long_window()

    first = bench.detect(exec_event("curl b"))
    goes_on_elsewhere(bench, LONGEST_WINDOW_S / 2)
    again = bench.detect(exec_event("curl b"))

    assert (len(first), len(again)) == (1, 1)


def test_different_things_that_come_seldom_are_told_each_while_something_else_goes_on() -> None:
    bench = beside_a_long_window()
    told = 0

    for number in range(MOST_DIFFERENT + 5):
        told += len(bench.detect(exec_event(f"curl {number}")))
        goes_on_elsewhere(bench, 2 * WINDOW_S)

    assert told == MOST_DIFFERENT + 5


def test_there_is_one_timer() -> None:
    bench = beside_a_long_window()

    bench.detect(*(exec_event(f"curl {number}") for number in range(MOST_DIFFERENT)))

    assert len(bench.timers.waiting) == 1


def test_another_container_is_another_thing() -> None:
    bench = Bench()
    other = exec_event("curl x")._replace(container=Container("c2"))

    assert len(bench.detect(exec_event("curl x"), other)) == 2


def test_a_flood_of_different_things_becomes_one_event() -> None:
    bench = Bench()

    told = bench.detect(*(exec_event(f"curl {number}") for number in range(500)))
    bench.timers.pass_time(WINDOW_S)

    assert len(told) == MOST_DIFFERENT
    assert [event.count for event in bench.later] == [500 - MOST_DIFFERENT]


def test_no_number_of_containers_makes_it_grow() -> None:
    bench = Bench()
    for number in range(MOST_KNOWN):
        bench.detect(exec_event("curl x")._replace(container=Container(str(number))))

    assert len(bench.detector._repeats._windows) <= MOST_KNOWN  # type: ignore[union-attr]  # it was started


def test_what_is_kept_of_long_command_lines_is_bounded_and_no_count_is_lost() -> None:
    bench = Bench()
    lines = [exec_event("curl " + "x" * 30_000)._replace(container=Container(str(n))) for n in range(200)]
    told = bench.detect(*lines, *lines, *lines)
    repeats = bench.detector._repeats
    assert repeats is not None
    kept = [window.latest for window in repeats._windows.values() if window.latest is not None]
    assert sum(weight(event.process.args) for event in kept if event.process is not None) <= MOST_HELD
    bench.detector.flush()

    assert sum(event.count for event in [*told, *bench.later]) == 600
    assert repeats._held == 0
    assert "x" * 1000 not in str([key for key, _ in repeats._windows.items()])


def test_at_the_end_nothing_is_kept_back() -> None:
    bench = Bench()
    bench.detect(exec_event("curl x"), exec_event("curl x"))

    bench.detector.flush()

    assert [event.count for event in bench.later] == [1]
    assert bench.timers.waiting == []


def test_a_suppressed_detection_is_counted_and_not_told() -> None:
    bench = Bench([suppression(image="shop:*", family="w*b")])

    assert bench.detect(exec_event("nmap")) == []
    assert bench.counters.seen["suppressed"] == 1


def test_a_suppression_is_for_what_it_names_and_ends() -> None:
    for other in (
        suppression(rule="another"),
        suppression(image="batch:*"),
        suppression(family="batch"),
        suppression(until=START // 10**9),
    ):
        bench = Bench([other])
        assert len(bench.detect(exec_event("nmap"))) == 1, other
        assert bench.counters.seen["suppressed"] == 0


def test_an_unknown_image_is_only_suppressed_by_a_star() -> None:
    event = exec_event("nmap")._replace(container=None)

    assert len(Bench([suppression(image="shop:*")]).detect(event)) == 1
    assert Bench([suppression()]).detect(event) == []


def test_rules_are_exchanged_while_it_runs() -> None:
    bench = Bench()
    bench.detector.use(Engine(RuleSet()))

    assert bench.detect(exec_event("nmap")) == []


def test_what_was_not_read_leaves_a_rule_undecided_which_is_counted_by_rule_unless_suppressed() -> None:
    rules = compiled(
        rule_text("sel: {Image|endswith: /dpkg}\nreads: {CommandLine|contains: --print}\ncondition: sel and not reads")
    )
    unread = exec_event("dpkg", args=None)
    unread = unread._replace(count=3, evidence=unread.evidence._replace(missing=(Missing("process.args", "gone"),)))
    bench, silent = Bench(), Bench([suppression(rule=ID)])
    for one in (bench, silent):
        one.detector.use(Engine(rules._replace(suppressions=(suppression(rule=ID),) if one is silent else ())))

    told = bench.detect(unread), silent.detect(unread)
    known = bench.detect(exec_event("dpkg -i x"))

    assert told == ([], [])
    assert len(known) == 1
    assert (bench.detector.undecided, bench.counters.seen["detections_undecided"]) == ({ID: 3}, 3)
    assert (silent.detector.undecided, silent.counters.seen["detections_undecided"]) == ({}, 0)


def test_one_more_different_thing_hides_none_of_those_that_are_known() -> None:
    bench = Bench()
    bench.detect(*(exec_event(f"curl {number}") for number in range(MOST_DIFFERENT)))

    bench.detect(exec_event("curl 0"), exec_event("curl new"), exec_event("curl 0"))
    bench.timers.pass_time(WINDOW_S)

    assert sorted((event.process.args[1], event.count) for event in bench.later) == [("0", 2), ("new", 1)]  # type: ignore[union-attr, index]


def test_to_flush_nothing_tells_nothing() -> None:
    bench = Bench()
    bench.detector.flush()
    assert bench.later == []
