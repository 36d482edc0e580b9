"""What is the same, what is not, and what has no key because it is not known well enough."""

import pytest

import sensor.enrich.fold_key as fold_key_module
from sensor.enrich.fold_key import LONGEST_ARGS, fold_key
from sensor.model.events import Ancestor, Container, Detection, Event, Evidence, Link, Missing, Process, Timestamp
from sensor.model.kinds import Kind

CURL = Process(
    "e1", 10, ppid=9, start=Timestamp(1), exe="/bin/curl", args=("curl", "x"), cwd="/", uid=0, session="probe",
    sha256="ab", drift=False, preload=("LD_PRELOAD=/x",), ancestors=(Ancestor("e0", 9, "/bin/sh"),),
)  # fmt: skip
RUN = Event(Kind.PROCESS_EXEC, Timestamp(5), Evidence("cursor"), container=Container("c1"), process=CURL)


def process(**fields: object) -> Event:
    return RUN._replace(process=CURL._replace(**fields))  # type: ignore[arg-type]  # each test gives what fits


def test_all_fields_count_but_for_those_of_one_run() -> None:
    left_out = [name for name in Process._fields if name not in Process._fields[fold_key_module._SAME_AGAIN]]
    assert left_out == ["entity", "pid", "ppid", "start", "ancestors"]


def test_another_run_of_the_same_is_the_same() -> None:
    again = process(entity="e2", pid=20, ppid=19, start=Timestamp(2), ancestors=(Ancestor("e3", 19, "/bin/sh"),))
    assert fold_key(again._replace(time=Timestamp(6), seq=7)) == fold_key(RUN) is not None


def test_a_name_that_the_container_got_later_makes_no_difference() -> None:
    assert fold_key(RUN._replace(container=Container("c1", "app", "shop:1"))) == fold_key(RUN)


@pytest.mark.parametrize(
    "other",
    [
        RUN._replace(kind=Kind.PROCESS_EXIT),
        RUN._replace(container=Container("c2")),
        RUN._replace(container=None),
        RUN._replace(evidence=Evidence("rotation")),
        RUN._replace(evidence=Evidence("cursor", (Missing("process.cwd", "denied"),))),
        process(exe="/tmp/curl"),
        process(args=("curl", "y")),
        process(args=("curl x",)),
        process(cwd="/tmp"),
        process(uid=1),
        process(gid=1),
        process(user="root"),
        process(tty="pts/0"),
        process(session="exec"),
        process(session=None),
        process(sha256="cd"),
        process(sha256=None),
        process(drift=True),
        process(preload=None),
        process(exit_code=0),
        process(ancestors=()),
        process(ancestors=(Ancestor("e0", 9, "/bin/bash"),)),
        process(ancestors=(*CURL.ancestors, Ancestor("e9", 1, "/init"))),
    ],
)
def test_a_run_that_differs_in_what_it_tells_is_another(other: Event) -> None:
    assert fold_key(other) not in (None, fold_key(RUN))


@pytest.mark.parametrize(
    "alone",
    [
        RUN._replace(process=None),
        process(exe=None, comm="curl"),
        process(args=None),
        process(args=("curl", "x" * LONGEST_ARGS)),
        RUN._replace(evidence=Evidence("cursor", truncated=("process.args",))),
        RUN._replace(evidence=Evidence("snapshot")),
        RUN._replace(evidence=Evidence("open_hint")),
        RUN._replace(links=(Link("s/e/urgent/1", "caused"),)),
        RUN._replace(detection=Detection("r", "A rule", "high")),
    ],
)
def test_what_is_not_known_whole_has_no_key(alone: Event) -> None:
    assert fold_key(alone) is None


def test_any_text_has_a_key() -> None:
    assert fold_key(process(args=("\ud800\n", "\0"))) is not None
