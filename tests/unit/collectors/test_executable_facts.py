"""What facts about an executable make of the process that runs it."""

import pytest

from collectors.executable_facts import Facts, complete, drift
from collectors.process_table import Tracked
from sensor.model.events import Missing, Timestamp


@pytest.mark.parametrize(
    ("born", "started", "expected"),
    [(None, 5, None), (5, None, None), (None, None, None), (4, 5, False), (5, 5, False), (6, 5, True)],
)
def test_drift_is_being_born_after_the_container(born: int | None, started: int | None, expected: bool | None) -> None:
    assert drift(_time(born), _time(started)) is expected


def test_what_lacks_is_named_once() -> None:
    process = Tracked(10, "e", 1, Timestamp(0), None)
    cwd = Missing("process.cwd", "denied")
    process.missing = (cwd,)
    complete(process, Facts(why_no_hash="busy"), Timestamp(5))
    assert process.missing == (cwd, Missing("process.sha256", "busy"), Missing("process.drift", "busy"))
    complete(process, Facts("f00"), Timestamp(5))
    assert process.missing == (cwd, Missing("process.drift", "unsupported"))
    complete(process, Facts("f00", Timestamp(6)), Timestamp(5))
    assert (process.sha256, process.drift, process.missing) == ("f00", True, (cwd,))


def test_outside_containers_nothing_is_missing_of_drift() -> None:
    process = Tracked(10, "e", 1, Timestamp(0), None)
    complete(process, Facts("f00", Timestamp(6)), None)
    assert (process.drift, process.missing) == (None, ())


def _time(value: int | None) -> Timestamp | None:
    return None if value is None else Timestamp(value)
