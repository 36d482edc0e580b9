"""Folding harder, while it is wanted: fewer events with the same sum of counts."""

from typing import Any

from fakes_pipeline import event
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.counters import Counters
from sensor.model.events import Container, Event, Evidence, File, Link, Missing, Network, Process
from sensor.model.kinds import Kind
from sensor.pipeline.coarse_fold import MOST, WINDOW_S, CoarseFold
from tests.fakes_timers import FakeTimers


class Rig:
    """A fold that is wanted, or not, and what it released."""

    def __init__(self, wanted: bool = True) -> None:
        self.wanted = wanted
        self.out: list[Event] = []
        self.counters = Counters()
        self.timers = FakeTimers()
        self.fold = CoarseFold(
            wanted=lambda: self.wanted, release=self.out.append, counters=self.counters, later=self.timers.later
        )

    def put(self, *given_events: Event) -> None:
        for one in given_events:
            self.fold.put(one)

    def counts(self) -> list[int]:
        return [one.count for one in self.out]


def wrote(path: str = "/srv/a", pid: int = 1, exe: str = "/bin/app", container: str = "c1") -> Event:
    process = Process(f"entity-{pid}", pid, exe=exe)
    return event(Kind.FILE_MODIFY)._replace(container=Container(container), process=process, file=File(path))


def flow(src_port: int, sent: int | None = 10, dst: str = "192.0.2.1", direction: str = "outbound") -> Event:
    network = Network(direction, "tcp", "10.0.0.1", src_port, dst, 443, bytes_in=1, bytes_out=sent)
    return event(Kind.NETWORK_FLOW)._replace(network=network)


def test_unless_it_is_wanted_everything_goes_straight_through() -> None:
    rig = Rig(wanted=False)
    rig.put(wrote(), wrote(), wrote())
    assert rig.counts() == [1, 1, 1]
    assert rig.timers.set == 0


def test_the_first_goes_out_and_the_rest_of_the_window_as_one() -> None:
    rig = Rig()
    rig.put(wrote(pid=1), wrote(pid=2), wrote(pid=3)._replace(count=4))
    assert rig.counts() == [1]
    rig.timers.pass_time(WINDOW_S)
    assert rig.counts() == [1, 5]
    assert rig.out[1].process == wrote(pid=3).process
    assert rig.counters.seen["folded_harder"] == 1
    rig.put(wrote())
    assert rig.counts() == [1, 5, 1]


def test_another_file_program_container_or_kind_is_something_else() -> None:
    rig = Rig()
    others = (wrote("/srv/b"), wrote(exe="/bin/other"), wrote(container="c2"), wrote()._replace(kind=Kind.FILE_DELETE))
    rig.put(wrote(), *others)
    assert len(rig.out) == 5


def test_flows_to_one_service_are_one_with_their_bytes() -> None:
    rig = Rig()
    rig.put(flow(50_001), flow(50_002, 20), flow(50_003, 30), flow(50_004, dst="192.0.2.2"))
    rig.put(flow(8080, direction="inbound"), flow(8081, direction="inbound"))
    rig.fold.flush()
    totals = [(e.count, e.network.src_port, e.network.bytes_in, e.network.bytes_out) for e in rig.out if e.network]
    assert totals[-1] == (2, 50_003, 2, 50)
    assert len(rig.out) == 5


def test_bytes_that_are_not_known_stay_unknown() -> None:
    rig = Rig()
    why = Missing("network.bytes_out", "cleared by the kernel")
    unknown = flow(2, None)._replace(evidence=Evidence("destroy", (why, Missing("process", "gone"))))
    rig.put(flow(1), unknown, flow(3, 30))
    rig.fold.flush()
    assert rig.out[-1].network is not None
    assert rig.out[-1].network.bytes_out is None
    assert rig.out[-1].evidence.missing == (why,)


def test_what_was_sent_again_is_summed_too() -> None:
    rig = Rig()
    sent_again = [e._replace(network=e.network._replace(retransmits=n)) for n in (1, 2, 3) if (e := flow(n)).network]
    rig.put(*sent_again)
    rig.fold.flush()
    assert [e.network and e.network.retransmits for e in rig.out] == [1, 5]


def test_detections_linked_events_and_what_people_run_are_not_held() -> None:
    rig = Rig()
    linked = wrote()._replace(links=(Link("id", "cause"),))
    person = ran(1, "id", session="exec")
    rig.put(event(Kind.DETECTION), event(Kind.DETECTION), linked, linked, person, person)
    assert len(rig.out) == 6


def test_what_people_and_unknown_programs_change_is_folded_and_so_are_runs_of_nobody() -> None:
    rig = Rig()
    of_a_person = wrote()._replace(process=Process("entity-1", 1, exe="/bin/sh", session="exec"))
    of_unknown = wrote()._replace(process=Process("entity-2", 2))
    for one in (of_a_person, of_unknown, event()):
        rig.put(one, one)
    assert len(rig.out) == 3


def ran(pid: int, *args: str, exe: str | None = "/bin/app", **fields: Any) -> Event:
    return event()._replace(process=Process(f"entity-{pid}", pid, exe=exe, args=args, **fields))


def test_a_program_that_differs_in_numbers_and_identifiers_only_is_the_same() -> None:
    rig = Rig()
    for n in range(5):
        rig.put(ran(n, "gzip", f"/srv/jobs/{n}.tmp", f"--id=5f3a9c0{n}deadbeef"))
    rig.fold.flush()
    assert rig.counts() == [1, 4]


def test_other_arguments_users_programs_and_ends_are_something_else() -> None:
    rig = Rig()
    first = ran(1, "sh", "-c", "backup")
    other_exit = first._replace(kind=Kind.PROCESS_EXIT, process=first.process and first.process._replace(exit_code=1))
    rig.put(first, ran(2, "sh", "-c", "curl x"), ran(3, "sh", "-c", "backup", uid=7), ran(4, "sh", exe="/tmp/sh"))
    rig.put(other_exit, other_exit._replace(process=first.process), ran(5, "sh", "-c", "backup", drift=True))
    rig.put(ran(6, exe=None), ran(7, exe=None))
    assert rig.counts() == [1] * 9


def test_runs_of_which_only_the_program_is_known_are_the_same() -> None:
    rig = Rig()
    for n in range(4):
        rig.put(event()._replace(process=Process(f"e{n}", n, exe="/usr/bin/gzip")))
    rig.put(ran(9, exe="/usr/bin/gzip"))
    rig.fold.flush()
    assert rig.counts() == [1, 1, 3], "no arguments and unknown ones are not the same"


def test_what_is_held_when_it_is_not_wanted_any_more_still_leaves() -> None:
    rig = Rig()
    rig.put(wrote(), wrote())
    rig.wanted = False
    rig.put(wrote(), wrote("/srv/b"), wrote("/srv/b"))
    assert rig.counts() == [1, 1, 1]
    rig.timers.pass_time(WINDOW_S)
    assert rig.counts() == [1, 1, 1, 2]
    rig.put(wrote(), wrote())
    assert len(rig.out) == 6


def test_it_watches_so_many_things_and_not_more() -> None:
    rig = Rig()
    rig.put(*(wrote(f"/srv/{n}") for n in range(2 * MOST)))
    rig.put(*(wrote(f"/srv/{n}") for n in range(2 * MOST)))
    assert len(rig.out) == 3 * MOST


@given(st.lists(st.tuples(st.sampled_from(["/a", "/b"]), st.integers(1, 5), st.booleans(), st.booleans())))
def test_the_sum_of_counts_stays(steps: list[tuple[str, int, bool, bool]]) -> None:
    rig = Rig()
    for path, count, wanted, wait in steps:
        rig.wanted = wanted
        rig.put(wrote(path)._replace(count=count))
        if wait:
            rig.timers.pass_time(WINDOW_S)
    rig.fold.flush()
    assert sum(rig.counts()) == sum(count for _, count, _, _ in steps)
