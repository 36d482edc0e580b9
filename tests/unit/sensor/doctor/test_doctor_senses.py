"""How many processes are closed to us, and which containers cannot be reached."""

import os
from collections.abc import Iterator

import pytest

from collectors.process_table import Tracked
from sensor.doctor.check import Check, worst
from sensor.doctor.senses import MEND, MOST_NAMED, connections, container, processes
from sensor.model.events import Missing, Timestamp
from sensor.model.protocols import HOST, Capability, Status
from tests.fakes import FakeTaskView


def process(uid: int, *missing: Missing) -> Tracked:
    return Tracked(1, "e", 1, Timestamp(0), None, uid=uid, missing=missing)


@pytest.fixture
def root() -> Iterator[int]:
    descriptor = os.open("/", os.O_PATH)
    yield descriptor
    os.close(descriptor)


def test_processes_that_can_all_be_read() -> None:
    found = processes([process(0), process(33, Missing("process.args", "gone"))], may_trace=False)
    assert (found.capability.status, found.capability.reason) == (Status.OK, "2 seen")


def test_processes_that_are_closed_to_us() -> None:
    closed = [process(33, Missing("process.exe", "denied")), process(5, Missing("x", "denied"))]
    for may_trace, mend in ((False, MEND), (True, None)):
        found = processes([process(0), *closed], may_trace=may_trace)
        assert found.capability.status is Status.DEGRADED
        assert found.capability.reason == (
            "3 seen; program or directory cannot be read of pid 1 (uid 33), pid 1 (uid 5)"
        )
        assert found.capability.mend == mend
    many = processes(closed * (MOST_NAMED + 1), may_trace=True)
    assert (many.capability.reason or "").endswith(f" and {MOST_NAMED + 2} more")


def test_a_container_that_can_be_reached(root: int) -> None:
    task = FakeTaskView()
    task.roots["a" * 64] = task.roots[HOST] = root
    assert container(task, "a" * 64).name == "container aaaaaaaaaaaa"
    assert container(task, "a" * 64).capability.status is Status.OK
    assert container(task, HOST).name == "files of the machine"


def test_a_container_that_cannot_says_why() -> None:
    task = FakeTaskView()
    task.no_root["b" * 64] = "denied for uid 1000"
    found = container(task, "b" * 64)
    assert found.capability.status is Status.UNAVAILABLE
    assert found.capability.reason == "its files cannot be reached: denied for uid 1000"


def sense(name: str, status: Status) -> Check:
    return Check(name, Capability(status))


@pytest.mark.parametrize(
    ("sockdiag", "procfs", "status", "said"),
    [
        (Status.OK, Status.STANDBY, Status.OK, "seen by network_sockdiag"),
        (Status.UNAVAILABLE, Status.DEGRADED, Status.OK, "seen by network_procfs"),
        (Status.OK, Status.DEGRADED, Status.OK, "seen by network_sockdiag and network_procfs"),
        (Status.UNAVAILABLE, Status.UNAVAILABLE, Status.UNAVAILABLE, "seen by nothing"),
    ],
)
def test_which_of_the_senses_for_connections_are_in_use(
    sockdiag: Status, procfs: Status, status: Status, said: str
) -> None:
    senses = [sense("process_cursor", Status.OK), sense("network_sockdiag", sockdiag), sense("network_procfs", procfs)]
    (found,) = connections(senses)
    assert (found.capability.status, found.capability.reason) == (status, said)


def test_connections_that_are_switched_off_are_not_spoken_of() -> None:
    assert list(connections([sense("process_cursor", Status.OK)])) == []


def test_standing_by_is_no_fault() -> None:
    assert worst([sense("network_procfs", Status.STANDBY)]) is Status.OK
    assert worst([sense("network_procfs", Status.STANDBY), sense("b", Status.DEGRADED)]) is Status.DEGRADED
