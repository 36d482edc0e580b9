"""Folding, on a clock that the test moves."""

import pytest

from collectors.file_changes import INOTIFY, RESCAN, SCAN, Change
from collectors.file_hold_off import HoldOff
from sensor.model.kinds import Kind

LOG = Change(Kind.FILE_MODIFY, "c", b"/var/log/app")
NEW = Change(Kind.FILE_CREATE, "c", b"/etc/new")


def offer(held: HoldOff, change: Change, now: float) -> list[Change]:
    return list(held.offer(change, now, now))


def test_the_first_change_is_told_at_once_and_what_follows_as_one_with_its_count() -> None:
    held = HoldOff(2.0)
    assert offer(held, LOG, 10.0) == [LOG]
    assert [told for n in range(500) for told in offer(held, LOG, 10.1 + n / 1000)] == []
    assert list(held.due(11.9)) == []
    assert list(held.due(12.0)) == [LOG._replace(count=500, since=10.1)]
    assert list(held.due(100.0)) == []


def test_what_is_folded_may_have_happened_since_its_first_and_not_before() -> None:
    held = HoldOff(2.0)
    offer(held, LOG, 0.0)
    for now, since in ((1.2, 1.1), (1.5, 1.4)):
        assert list(held.offer(LOG, now, since)) == []
    assert list(held.due(2.0)) == [LOG._replace(count=2, since=1.1)], "who was gone by then made the one before"
    list(held.offer(LOG._replace(since=2.5), 3.0, 2.9))
    assert list(held.due(4.0)) == [LOG._replace(since=2.5)], "what the change itself says counts"


def test_a_log_that_never_stops_is_one_event_for_each_hold_off() -> None:
    held = HoldOff(2.0)
    told = offer(held, LOG, 0.0)
    for tick in range(1, 101):
        told += held.due(tick / 10)
        told += offer(held, LOG, tick / 10)
    told += held.due(12.0)
    assert [change.count for change in told] == [1, 19, 20, 20, 20, 20, 1]


def test_kinds_and_paths_and_containers_do_not_hold_each_other_off() -> None:
    held = HoldOff(2.0)
    others = [LOG._replace(kind=Kind.FILE_DELETE), LOG._replace(path=b"/x"), LOG._replace(container="d")]
    for change in [LOG, *others]:
        assert offer(held, change, 0.0) == [change]


def test_after_a_quiet_hold_off_the_next_change_is_told_at_once() -> None:
    held = HoldOff(2.0)
    offer(held, LOG, 0.0)
    assert offer(held, LOG, 2.5) == [LOG]


def test_what_was_folded_is_told_before_the_next_first_if_nobody_asked_in_between() -> None:
    held = HoldOff(2.0)
    offer(held, LOG, 0.0)
    offer(held, LOG, 1.0)
    assert offer(held, LOG, 9.0) == [LOG._replace(since=1.0), LOG]


def test_nothing_wakes_anybody_while_nothing_is_folded() -> None:
    held = HoldOff(2.0)
    offer(held, LOG, 0.0)
    assert held.next_due() is None
    offer(held, LOG, 1.0)
    offer(held, LOG, 1.1)
    assert held.next_due() == 2.0
    list(held.due(2.0))
    list(held.due(4.0))
    assert held.next_due() is None


def test_the_oldest_ends_early_when_too_many_are_held_and_loses_nothing() -> None:
    held = HoldOff(2.0, most=3)
    offer(held, LOG, 0.0)
    offer(held, LOG, 0.1)
    told = [c for n in range(3) for c in offer(held, LOG._replace(path=b"%d" % n), 0.2)]
    assert [change.path for change in told] == [b"0", b"1", b"2", LOG.path]


def test_the_end_of_a_container_tells_what_was_folded_in_it() -> None:
    held = HoldOff(2.0)
    other = LOG._replace(container="d")
    for change in (LOG, LOG, other, other):
        offer(held, change, 0.0)
    assert list(held.end("c")) == [LOG._replace(since=0.0)]
    assert list(held.end()) == [other._replace(since=0.0)]
    assert held.next_due() is None


def test_a_file_found_by_a_scan_and_then_told_by_the_kernel_is_one_creation() -> None:
    held = HoldOff(2.0)
    scanned = NEW._replace(source=SCAN)
    assert offer(held, scanned, 0.0) == [scanned]
    assert offer(held, NEW, 0.1) == []
    assert held.next_due() is None
    offer(held, NEW, 0.2)
    assert list(held.due(2.0)) == [NEW._replace(since=0.2)], "a second creation is another one"


def test_a_file_told_by_the_kernel_and_then_found_by_a_scan_is_one_creation() -> None:
    held = HoldOff(2.0)
    assert offer(held, NEW, 0.0) == [NEW]
    assert offer(held, NEW._replace(source=SCAN), 0.1) == []
    assert held.next_due() is None


def test_a_creation_after_a_deletion_is_not_taken_for_the_scans() -> None:
    held = HoldOff(2.0)
    offer(held, NEW._replace(source=SCAN), 0.0)
    offer(held, NEW._replace(kind=Kind.FILE_DELETE), 0.1)
    assert offer(held, NEW, 0.2) == []
    assert list(held.due(2.0)) == [NEW._replace(since=0.2)]


@pytest.mark.parametrize(
    "gone",
    [
        NEW._replace(kind=Kind.FILE_DELETE),
        Change(Kind.FILE_RENAME, "c", b"/opt/new", b"/etc/new"),
        Change(Kind.FILE_CREATE, "c", b"/etc"),  # after half of a rename
        Change(Kind.FILE_RENAME, "c", b"/etc", b"/tmp/etc"),
    ],
)
def test_a_scan_finds_another_file_where_the_one_before_went_or_its_directory_is_another(gone: Change) -> None:
    held = HoldOff(2.0)
    scanned = NEW._replace(source=SCAN)
    offer(held, NEW, 0.0)
    offer(held, gone, 0.1)
    assert offer(held, scanned, 0.2) == []
    assert offer(held, NEW, 0.3) == [], "its notice"
    assert list(held.due(2.0)) == [scanned._replace(since=0.2)]


def test_a_scan_finds_another_file_after_the_second_deletion_too() -> None:
    held = HoldOff(2.0)
    deletion = NEW._replace(kind=Kind.FILE_DELETE)
    for change in (NEW, deletion, NEW, deletion):
        offer(held, change, 0.0)
    scanned = NEW._replace(source=SCAN)
    offer(held, scanned, 1.9)
    assert list(held.due(2.0)) == [deletion._replace(since=0.0), scanned._replace(count=2, since=0.0)]


@pytest.mark.parametrize("more", [[], [Kind.FILE_DELETE], [Kind.FILE_MODIFY]])
@pytest.mark.parametrize("at_the_end", [False, True])
def test_what_came_last_to_a_path_is_told_last(more: list[Kind], at_the_end: bool) -> None:
    held = HoldOff(2.0)
    kinds = [Kind.FILE_CREATE, Kind.FILE_MODIFY, Kind.FILE_DELETE] * 2 + [Kind.FILE_CREATE, *more]
    told = [one for kind in kinds for one in offer(held, NEW._replace(kind=kind), 0.0)]
    told += held.end() if at_the_end else held.due(2.0)
    assert told[-1].kind == kinds[-1]
    assert sum(one.count for one in told) == len(kinds)
    assert held.next_due() is None


@pytest.mark.parametrize(
    "last", [NEW._replace(kind=Kind.FILE_DELETE), Change(Kind.FILE_RENAME, "c", b"/opt/new", b"/etc/new")]
)
def test_what_is_told_at_once_comes_after_what_was_folded_before_it(last: Change) -> None:
    held = HoldOff(2.0)
    told = [one for change in (NEW, NEW, last) for one in offer(held, change, 0.0)]
    assert [one.kind for one in told] == [NEW.kind, NEW.kind, last.kind]
    assert not list(held.end())


def test_two_kinds_in_turn_are_told_no_more_often_than_three_times_in_a_hold_off() -> None:
    held = HoldOff(2.0)
    told = 0
    for step in range(1000):  # ten seconds
        told += len(list(held.due(step / 100)))
        for kind in (Kind.FILE_CREATE, Kind.FILE_DELETE):
            told += len(offer(held, NEW._replace(kind=kind), step / 100))
    assert told <= 5 * 3


def test_a_scan_finds_the_file_that_came_after_its_directory() -> None:
    held = HoldOff(2.0)
    for now, change in enumerate([NEW, NEW._replace(path=b"/etc"), NEW, NEW._replace(source=SCAN)]):
        offer(held, change, now / 10)
    assert [change.count for change in held.due(2.0)] == [1]


def test_a_second_scan_finds_the_same_file() -> None:
    held = HoldOff(2.0)
    for source, kind in [(INOTIFY, NEW.kind), (INOTIFY, Kind.FILE_DELETE), (SCAN, NEW.kind), (SCAN, NEW.kind)]:
        offer(held, NEW._replace(kind=kind, source=source), 0.0)
    assert [change.count for change in held.due(2.0)] == [1]


def test_a_notice_that_comes_after_the_end_is_still_that_of_what_a_scan_found() -> None:
    held = HoldOff(2.0)
    offer(held, NEW, 0.0)
    offer(held, NEW._replace(kind=Kind.FILE_DELETE), 0.1)
    offer(held, NEW._replace(source=SCAN), 1.9)
    assert len(list(held.due(2.0))) == 1
    assert offer(held, NEW, 2.1) == []
    assert held.next_due() is None


@pytest.mark.parametrize(("source", "at"), [(INOTIFY, 0.0), (SCAN, 0.2)])
def test_the_same_file_is_found_in_a_directory_that_was_there_before_or_was_found_itself(
    source: str, at: float
) -> None:
    held = HoldOff(2.0)
    scanned, directory = NEW._replace(source=SCAN), NEW._replace(path=b"/etc", source=source)
    for now, change in sorted([(0.1, NEW), (at, directory)]):
        offer(held, change, now)
    assert offer(held, scanned, 0.3) == []
    assert held.next_due() is None


def test_what_a_comparison_finds_of_a_file_that_was_told_is_told_at_the_end() -> None:
    held = HoldOff(2.0)
    offer(held, LOG, 0.0)
    found = LOG._replace(source=RESCAN)
    assert offer(held, found, 0.5) == []
    assert list(held.due(2.0)) == [found._replace(since=0.5)]


def test_a_comparison_adds_nothing_to_what_is_folded_already() -> None:
    held = HoldOff(2.0)
    for change in (LOG, LOG, LOG._replace(source=RESCAN)):
        offer(held, change, 0.0)
    assert [change.count for change in held.due(2.0)] == [1]
