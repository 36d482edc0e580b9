"""While more comes than is read, what was read is told all the same, and what waits stays bounded."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_scene import APP, make_root
from file_still import Still

from collectors import file_watch
from collectors.file_changes import PAIRING_S
from collectors.file_changes import REMEMBERED as HALVES
from collectors.file_events import OVERFLOW
from collectors.file_look import REMEMBERED as WAITING
from collectors.file_look import TOO_MANY
from collectors.file_watch import LAST_TURNS, LOOK_TURNS, TURN, TURN_S
from collectors.inotify_stream import Notice
from sensor.model.kinds import Kind
from sensor.model.protocols import Holders

pytestmark = pytest.mark.kernel


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Still]:
    """Every read of it is full, so there is always more to come."""
    monkeypatch.setattr(file_watch, "FULL_READ", 0)
    (tmp_path / "out").mkdir()
    still = Still(make_root(tmp_path))
    still.task.start_container(APP, still.root_fd)
    yield still
    still.close()


def turns(still: Still, number: int = LOOK_TURNS) -> None:
    for _ in range(number):
        assert still.watch.work()


def test_a_program_that_is_dropped_in_a_storm_is_told(still: Still) -> None:
    (still.root / "tmp/x").write_text("#!/bin/sh")
    turns(still)
    assert ("create", "/tmp/x") in still.told()


def test_a_turn_is_over_after_a_while_but_a_containers_end_waits_for_all(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    def holders_of(_device: int, _inode: int) -> Holders:
        still.clock.advance(1.1 * TURN_S)
        return Holders()

    monkeypatch.setattr(still.task, "holders_of", holders_of)
    names = {f"/etc/cron.d/{number}" for number in range(LAST_TURNS + 10)}
    for name in names:
        (still.root / name[1:]).touch()
    turns(still, 2)
    assert len(still.told()) == 2
    still.watch.finish(APP)
    assert {path for _, path in still.told()} == names


def test_a_file_that_leaves_in_a_storm_is_told(still: Still) -> None:
    (still.root / "etc/passwd").rename(still.root / "out/passwd")
    turns(still)
    assert not still.told(), "the other half may come yet"
    still.clock.advance(PAIRING_S)
    turns(still)
    assert still.deleted() == ["/etc/passwd"]


def test_a_second_half_that_is_read_late_is_one(still: Still) -> None:
    (still.root / "etc/passwd").rename(still.root / "etc/new")
    first, second = still.stream.read()
    still.stream.read = [[second], [first]].pop  # type: ignore[method-assign]
    still.watch._turns = LOOK_TURNS - 1
    turns(still, 1)
    still.clock.advance(PAIRING_S)
    turns(still, 1)
    assert still.told() == {("rename", "/etc/new")}


def test_a_second_half_is_waited_for_while_what_was_read_with_the_first_takes_long(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "TURN", 1)
    (still.root / "etc/before").touch()
    (still.root / "etc/passwd").rename(still.root / "etc/new")
    before, *_, first, second = still.stream.read()
    still.stream.read = [[second], [before, first]].pop  # type: ignore[method-assign]
    turns(still, 1)
    still.clock.advance(PAIRING_S)
    still.watch._turns = LOOK_TURNS - 1
    turns(still, 2)
    assert still.told() == {("create", "/etc/before"), ("rename", "/etc/new")}


def lose(still: Still) -> None:
    (still.root / "etc/passwd").touch()
    still.watch.discard()


def test_what_was_lost_in_a_storm_that_does_not_end_is_told_and_found(still: Still) -> None:
    (still.root / "etc/cron.d/job").write_text("evil")
    lose(still)
    turns(still)
    assert still.counters.losses[OVERFLOW] == 1
    assert ("create", "/etc/cron.d/job") in still.told()


def test_a_storm_that_goes_on_is_told_and_compared_more_seldom_and_its_end_soon(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for _ in range(600):
        lose(still)
        turns(still, 1)
        told.append(still.counters.losses[OVERFLOW])
        still.clock.advance(1.0)
    times = [second for second in range(1, 600) if told[second] != told[second - 1]]
    assert [later - sooner for sooner, later in itertools.pairwise([0, *times])][:6] == [10, 20, 40, 65, 65, 65]
    monkeypatch.setattr(file_watch, "FULL_READ", TURN)
    for number in range(3):
        still.clock.advance(file_watch.RESCAN_S)
        lose(still)
        still.work()
        assert still.counters.losses[OVERFLOW] == 601 + number


def test_a_comparison_comes_to_its_end_though_more_is_lost_meanwhile(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_watch, "COMPARED_S", -1.0)
    monkeypatch.setattr(file_watch, "RESCAN_S", 0.0)
    (still.root / "etc/cron.d/job").write_text("evil")
    for _ in range(200):
        lose(still)
        turns(still, 1)
    assert ("create", "/etc/cron.d/job") in still.told()


def test_directories_are_compared_however_long_reading_takes(still: Still) -> None:
    def read() -> list[Notice]:
        still.clock.advance(1.0)
        return []

    (still.root / "etc/cron.d/job").write_text("evil")
    lose(still)
    still.stream.read = read  # type: ignore[method-assign]
    turns(still, 1)
    assert ("create", "/etc/cron.d/job") in still.told()


def test_what_waits_is_bounded_and_all_is_told_or_counted(still: Still) -> None:
    made = 0
    for _ in range(3 * LOOK_TURNS):
        for _ in range(TURN):
            (still.root / f"tmp/{made}").write_text("#!")
            os.rename(still.root / f"tmp/{made}", still.root / f"out/{made}")
            (still.root / f"tmp/p{made}").write_text("#!")
            made += 1
        turns(still, 1)
        assert len(still.watch._look._waiting) <= WAITING
        assert len(still.watch._reader._departures) <= HALVES
    still.clock.advance(PAIRING_S)
    still.watch.finish()
    assert not still.watch._look._waiting
    assert not still.watch._reader._departures
    assert still.emitted.of(Kind.FILE_CREATE)
    assert still.counters.losses[TOO_MANY] > 0


def test_what_was_read_before_the_sensor_looked_away_is_told(still: Still) -> None:
    (still.root / "tmp/x").write_text("#!/bin/sh")
    (still.root / "etc/passwd").rename(still.root / "out/passwd")
    turns(still, 1)
    still.watch.discard()
    still.watch.tell_waiting()
    assert still.told() == {("create", "/tmp/x"), ("delete", "/etc/passwd")}
