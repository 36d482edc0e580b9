import pytest

from sensor.enrich.process import YOUNG_NS, ProcessStep, may_wait
from sensor.model.events import Ancestor, Container, Event, Evidence, Missing, Process, Timestamp
from sensor.model.kinds import Kind
from tests.fakes import START, FakeTaskView

PARENTS = Process("e7", 7, start=START, exe="/bin/sh", args=("sh", "-c", "x"))
SETTLED = PARENTS._replace(exe="/tmp/x", args=("/tmp/x",), uid=1000)
CHAIN = (Ancestor("e1", 1, "/pause"),)


class View(FakeTaskView):
    """Knows what processes have turned out to be, the dead ones too."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Process] = {}

    def current(self, entity: str) -> Process | None:
        return self.known.get(entity)


@pytest.fixture
def view() -> View:
    made = View()
    made.known["e7"] = SETTLED
    made.chains["e7"] = CHAIN
    return made


def event(process: Process | None, kind: Kind = Kind.FILE_CREATE, age_ns: int = 1_000_000, *missing: Missing) -> Event:
    return Event(kind, Timestamp(START + age_ns), Evidence("test", missing), process=process)


def test_a_young_process_is_taken_as_it_turned_out_to_be(view: View) -> None:
    assert ProcessStep(view)(event(PARENTS)).process == SETTLED._replace(ancestors=CHAIN)


def test_an_old_process_is_taken_as_it_was_told(view: View) -> None:
    assert ProcessStep(view)(event(PARENTS, age_ns=YOUNG_NS)).process == PARENTS._replace(ancestors=CHAIN)


def test_an_old_process_of_which_only_the_number_was_told_is_filled_in(view: View) -> None:
    told = Process("e7", 7, start=START)
    found = ProcessStep(view)(event(told, age_ns=10 * YOUNG_NS)).process
    assert found is not None
    assert found.exe == "/tmp/x"


@pytest.mark.parametrize("kind", [Kind.PROCESS_EXEC, Kind.PROCESS_EXIT, Kind.PROCESS_IDENTITY])
def test_events_of_the_process_itself_say_what_was_true_then(view: View, kind: Kind) -> None:
    assert ProcessStep(view)(event(PARENTS, kind)).process == PARENTS._replace(ancestors=CHAIN)


def test_a_process_that_nobody_knows_any_more_stays_as_it_was_told(view: View) -> None:
    told = PARENTS._replace(entity="e9")
    assert ProcessStep(view)(event(told)).process == told


def test_ancestors_that_were_told_are_kept(view: View) -> None:
    told = PARENTS._replace(ancestors=(Ancestor("e2", 2, "/init"),))
    assert ProcessStep(view)(event(told, Kind.PROCESS_EXEC)).process == told


def test_what_is_known_by_now_is_no_longer_missing(view: View) -> None:
    missing = (
        Missing("process.exe", "denied"),
        Missing("process.cwd", "denied"),
        Missing("network.dst", "unsupported"),
    )
    found = ProcessStep(view)(event(PARENTS._replace(exe=None), Kind.NETWORK_CONNECT, 1, *missing))
    assert [m.field for m in found.evidence.missing] == ["process.cwd", "network.dst"]


@pytest.mark.parametrize("age_ns", [1, YOUNG_NS])
def test_what_could_not_be_read_of_the_process_is_named_in_what_it_did(view: View, age_ns: int) -> None:
    unread = PARENTS._replace(exe=None, cwd=None)
    view.known["e7"] = unread
    view.unread["e7"] = (
        Missing("process.exe", "denied"),
        Missing("process.cwd", "denied"),
        Missing("process.args", "gone"),
    )
    already = Missing("process.cwd", "not looked for")
    found = ProcessStep(view)(event(unread, Kind.NETWORK_FLOW, age_ns, already))
    assert found.evidence.missing == (already, Missing("process.exe", "denied"))


def test_an_event_of_the_process_itself_has_named_it_already(view: View) -> None:
    view.unread["e7"] = (Missing("process.cwd", "denied"),)
    assert ProcessStep(view)(event(PARENTS, Kind.PROCESS_EXEC)).evidence.missing == ()


def test_an_event_does_not_tell_of_an_end_that_came_after_it(view: View) -> None:
    view.known["e7"] = SETTLED._replace(exit_code=0)
    found = ProcessStep(view)(event(PARENTS)).process
    assert found is not None
    assert found.exit_code is None


def test_a_container_that_was_not_known_yet_is_filled_in_and_a_known_one_kept(view: View) -> None:
    view.container_ids[7] = "c1"
    assert ProcessStep(view)(event(PARENTS)).container == Container("c1")
    placed = event(PARENTS)._replace(container=Container("c2"))
    assert ProcessStep(view)(placed).container == Container("c2")


def test_an_event_without_a_process_stays_as_it_is(view: View) -> None:
    told = event(None, Kind.SENSOR_START)
    assert ProcessStep(view)(told) is told


def test_only_events_of_a_process_that_may_run_another_program_in_a_moment_cannot_wait() -> None:
    assert not may_wait(event(PARENTS))
    assert not may_wait(event(Process("e7", 7, start=START), age_ns=10 * YOUNG_NS))
    assert may_wait(event(PARENTS, age_ns=YOUNG_NS))
    assert may_wait(event(PARENTS, Kind.PROCESS_EXEC))
    assert may_wait(event(PARENTS, Kind.PROCESS_EXIT))
    assert may_wait(event(None))
