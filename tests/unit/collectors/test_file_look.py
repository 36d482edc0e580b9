"""What waits for a look, and what was changed at all."""

from types import SimpleNamespace

import pytest
from fakes import FakeClock

from collectors import rootfs
from collectors.file_changes import Change
from collectors.file_look import RECENT_NS, REMEMBERED, TOO_MANY, Look
from collectors.watch_coverage import Reach
from collectors.watch_names import KnownNames
from sensor.model.counters import Counters
from sensor.model.kinds import Kind

MINUTE_NS = 60_000_000_000


def test_no_more_wait_than_are_kept_in_mind_and_each_beyond_is_counted_once() -> None:
    counters = Counters()
    look = Look(reach=lambda _: None, names=KnownNames(), counters=counters, clock=FakeClock())
    for number in range(REMEMBERED + 3):
        for _ in range(2 if number < REMEMBERED else 1):
            assert not list(look.put(Change(Kind.FILE_CREATE, "c", b"/tmp/%d" % number, programs=True)))
    assert counters.losses == {TOO_MANY: 3}
    assert not list(look.take())
    list(look.put(Change(Kind.FILE_CREATE, "c", b"/tmp/again", programs=True)))
    assert len(look._waiting) == 1


def test_of_a_file_whose_writing_is_doubtful_nothing_is_lost_where_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(rootfs, "status", gone)
    counters = Counters()
    look = Look(reach=lambda _: Reach(0, ()), names=KnownNames(), counters=counters, clock=FakeClock())
    list(look.put(Change(Kind.FILE_MODIFY, "c", b"/etc/x", unsure=True)))
    assert not list(look.take())
    assert not counters.losses, "its deletion is told"


@pytest.mark.parametrize(
    ("known", "changed_ns", "counts"),
    [
        pytest.param({b"x": 7}, 7, False, id="told-as-it-is"),
        pytest.param({b"x": 4 * MINUTE_NS}, 4 * MINUTE_NS, True, id="told-as-it-is-and-recent"),
        pytest.param({b"x": 7}, 8, True, id="changed-since-it-was-told"),
        pytest.param({b"x": None}, MINUTE_NS, True, id="changed-since-its-container-is-watched"),
        pytest.param({}, MINUTE_NS, True, id="its-name-is-not-known"),
        pytest.param({b"x": None}, MINUTE_NS // 2, False, id="older-than-that"),
        pytest.param(None, 4 * MINUTE_NS - RECENT_NS, True, id="not-remembered-and-recent"),
        pytest.param(None, 4 * MINUTE_NS - RECENT_NS - 1, False, id="not-remembered-and-older"),
    ],
)
def test_a_close_counts_if_the_file_was_changed_since_it_was_told_last(
    known: dict[bytes, int | None] | None, changed_ns: int, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long ago: a mapping is written to any time before it is closed."""
    names, clock = KnownNames(), FakeClock()
    if known is not None:
        names.learn("c", b"/etc", known)
        for name, told_ns in known.items():
            if told_ns is not None:
                names.told("c", b"/etc", name, told_ns)
    monkeypatch.setattr(rootfs, "status", lambda *_, **__: SimpleNamespace(st_ctime_ns=changed_ns))
    look = Look(reach=lambda _: Reach(0, ()), names=names, counters=Counters(), clock=clock)
    clock.wall_ns = MINUTE_NS
    look.begin("c")
    clock.wall_ns = 4 * MINUTE_NS
    look.begin("c")  # it is reached anew
    change = Change(Kind.FILE_MODIFY, "c", b"/etc/x", unsure=True)
    list(look.put(change))
    assert list(look.take()) == ([change] if counts else [])
