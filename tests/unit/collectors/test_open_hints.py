"""One number without a process meets one open without a program, and nothing less is taken for an exec."""

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from collectors.exec_hints import Opened
from collectors.open_hints import WINDOW_S, OpenHints, Ran, Unread
from collectors.process_table import Tracked
from collectors.procfs import text
from sensor.model.events import Timestamp

APP = "app"
TRUE = Opened(APP, "/usr/bin/true", by_loader=False)
LS = Opened(APP, "/usr/bin/ls", by_loader=False)
LOADER = Opened(APP, "/etc/ld.so.cache", by_loader=True)


def process(pid: int, exe: str | None = None, comm: str = "", args: tuple[str, ...] = ()) -> Tracked:
    found = Tracked(pid, f"entity-{pid}", 1, Timestamp(0), None, container=APP, exe=exe, comm=comm, args=args)
    found.executed = bool(comm)
    return found


def ran(hints: OpenHints, now: float = 0.0) -> Ran | None:
    return hints.match(now)[0]


def given_(*opens: Opened) -> OpenHints:
    hints = OpenHints(FakeClock())
    for opened in opens:
        hints.opened(0.0, opened)
    return hints


def test_a_container_has_opens_to_account_for_until_their_programs_are_read() -> None:
    hints = given_(TRUE, LS, LOADER)
    hints.explained(0.0, process(42, exe=TRUE.path))
    assert hints.containers() == {APP}
    hints.explained(0.0, process(43, exe=LS.path))
    assert hints.containers() == set()


def test_a_program_takes_no_open_from_before_it_was_forked_and_leaves_its_own_to_nobody() -> None:
    """Such a one is left over where a file is opened and not run; the next to run it would leave its own, and so on."""
    clock = FakeClock()
    hints = OpenHints(clock)
    hints.opened(clock.monotonic(), TRUE)
    clock.advance(WINDOW_S / 2)
    child = process(42, exe=TRUE.path)
    child.start = clock.wall()
    clock.advance(WINDOW_S / 4)
    hints.explained(clock.monotonic(), child)
    hints.opened(clock.monotonic(), TRUE)
    clock.advance(WINDOW_S / 2)
    assert hints.match(clock.monotonic()) == (None, [], 1)
    assert hints.containers() == set()


def test_one_of_each_is_an_exec() -> None:
    hints = given_(TRUE, LOADER)
    hints.unread(Unread(0.0, 42, None))
    found = ran(hints)
    assert found is not None
    assert (found.unread.pid, found.opened) == (42, TRUE)
    assert hints.match(10.0) == (None, [], 0)


@pytest.mark.parametrize(
    "opens",
    [(), (TRUE,), (LOADER,), (TRUE, LS, LOADER), (TRUE, TRUE, LOADER), (TRUE, Opened("other", "/x", by_loader=True))],
)
def test_anything_else_proves_nothing(opens: tuple[Opened, ...]) -> None:
    hints = given_(*opens)
    hints.unread(Unread(0.0, 42, None))
    assert ran(hints) is None
    _, unexplained, _ = hints.match(WINDOW_S * 2)
    assert [one.pid for one in unexplained] == [42]


def test_two_numbers_are_ambiguous() -> None:
    hints = given_(TRUE, LOADER)
    hints.unread(Unread(0.0, 42, None))
    hints.unread(Unread(0.0, 43, None))
    assert ran(hints) is None


def test_a_program_that_was_read_accounts_for_its_open() -> None:
    hints = given_(TRUE, LOADER)
    hints.explained(0.0, process(41, exe="/usr/bin/true"))
    hints.unread(Unread(0.0, 42, None))
    assert ran(hints) is None


def test_also_when_the_open_is_heard_of_afterwards() -> None:
    hints = OpenHints(FakeClock())
    hints.explained(0.0, process(41, exe="/usr/bin/true"))
    hints.opened(0.001, TRUE)
    hints.opened(0.001, LOADER)
    hints.unread(Unread(0.001, 42, None))
    assert ran(hints) is None


def test_a_script_accounts_for_its_own_open_and_its_interpreters() -> None:
    script, shell = (Opened(APP, path, by_loader=False) for path in ("/usr/bin/script", "/usr/bin/dash"))
    hints = given_(script, shell, LOADER)
    hints.explained(0.0, process(41, exe="/usr/bin/dash", args=("/bin/sh", "/usr/bin/script")))
    assert hints.match(WINDOW_S * 2)[2] == 0


def test_reading_a_program_file_is_no_exec() -> None:
    """sha256sum reads what others run: one program's opens, a thread that ended, and no second loader."""
    hints = given_(Opened(APP, "/usr/bin/sha256sum", by_loader=False), LOADER)
    hints.explained(0.0, process(41, exe="/usr/bin/sha256sum", args=("sha256sum", "/usr/bin/ls")))
    hints.opened(0.001, LS)
    hints.unread(Unread(0.001, 42, None))
    assert ran(hints, 0.001) is None


def test_a_fork_that_was_seen_must_fit_its_container_and_its_name() -> None:
    for seen, fits in (
        (process(42), True),
        (process(42, comm="true"), True),
        (process(42, comm="ls"), False),
    ):
        hints = given_(TRUE, LOADER)
        hints.unread(Unread(0.0, 42, seen))
        assert (ran(hints) is not None) == fits
    elsewhere = process(42)
    elsewhere.container = "other"
    hints = given_(TRUE, LOADER)
    hints.unread(Unread(0.0, 42, elsewhere))
    assert ran(hints) is None


def test_a_name_that_is_left_claims_its_open() -> None:
    hints = given_(LS, TRUE, LOADER)
    assert hints.claim(APP, "true") == "/usr/bin/true"
    assert hints.claim(APP, "true") is None
    long = Opened(APP, "/opt/a-program-with-a-long-name", by_loader=False)
    assert given_(long).claim(APP, "a-program-with-") == long.path
    accented = Opened(APP, "/opt/prögrämmchen-x", by_loader=False)
    cut = text("prögrämmchen-x".encode()[:15])  # in the kernel, which counts bytes
    assert given_(accented).claim(APP, cut) == accented.path


def test_opens_without_a_program_are_candidates_and_counted_once() -> None:
    hints = given_(TRUE, LS)
    assert hints.match(WINDOW_S * 2) == (None, [], 2)
    assert hints.match(WINDOW_S * 4) == (None, [], 0)


@given(st.lists(st.sampled_from(["program", "loader", "unread", "explained", "match"]), max_size=60))
def test_no_number_is_lost_or_told_twice(steps: list[str]) -> None:
    hints, made, told, now = OpenHints(FakeClock()), 0, [], 0.0
    for step in [*steps, "match"]:
        now += 0.004
        if step == "unread":
            made += 1
            hints.unread(Unread(now, made, None))
        elif step == "match":
            found, unexplained, _ = hints.match(now)
            told += [one.pid for one in unexplained] + ([found.unread.pid] if found else [])
        elif step == "explained":
            hints.explained(now, process(1, exe=TRUE.path))
        else:
            hints.opened(now, TRUE if step == "program" else LOADER)
    told += [one.pid for one in hints.match(now + 1)[1]]
    assert sorted(told) == list(range(1, made + 1))


def test_what_was_opened_after_the_process_was_gone_is_not_its_doing() -> None:
    hints = given_(TRUE, LOADER)
    hints.opened(0.010, LS)
    hints.opened(0.010, LOADER)
    hints.unread(Unread(0.005, 42, None))
    found = ran(hints, 0.011)
    assert found is not None
    assert found.opened == TRUE
    hints.unread(Unread(0.009, 43, None))
    assert ran(hints, 0.012) is None


def test_two_numbers_beside_one_open_are_both_unexplained() -> None:
    hints = given_(TRUE, LOADER)
    hints.unread(Unread(0.0, 42, None))
    hints.unread(Unread(0.0, 43, None))
    found, unexplained, _ = hints.match(0.0)
    assert found is None
    assert [one.pid for one in unexplained] == [42, 43]
    assert ran(hints) is None
