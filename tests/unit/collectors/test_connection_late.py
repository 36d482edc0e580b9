"""What may be said of connections whose packets or ends were read late, since the sensor did not run meanwhile."""

import asyncio

import pytest
from network_scene import NetworkScene, ended, segment, sock
from running import until
from test_connection_attempts import OUT, SYN, at_last, opens, owner, scene
from test_connection_newcomers import started
from test_network_watch import FakeEnds, Scene, ends, flow

from collectors.late_reads import LATE_S, PART
from collectors.network_watch import PERIOD_S
from sensor.model.events import Missing

__all__ = ["ends", "scene"]

UNKNOWN = Missing("network.duration_ms", "its end was read late")
STALL_S = 4.2


def opens_in_a_stall(scene: NetworkScene, seconds: float = STALL_S) -> None:
    """Its first packet is read so much later."""
    scene.late.emptied(scene.clock.monotonic())
    began = scene.telling.now()
    scene.clock.advance(seconds)
    scene.attempts.opened(segment(OUT, SYN), began, sent=True, within=False)


def duration(scene: NetworkScene) -> tuple[float | None, bool]:
    event = at_last(scene)
    assert event.network is not None
    return event.network.duration_ms, UNKNOWN in event.evidence.missing


def test_what_came_and_went_while_nobody_read_has_no_duration(scene: NetworkScene) -> None:
    opens_in_a_stall(scene)
    scene.tracker.end(ended(OUT))
    assert duration(scene) == (None, True)


def test_what_is_read_as_late_as_ever_has_one(scene: NetworkScene) -> None:
    opens_in_a_stall(scene, LATE_S)
    scene.tracker.end(ended(OUT))
    assert duration(scene) == (1000 * LATE_S, False)


def test_what_ended_after_all_ends_had_been_read_has_one(scene: NetworkScene) -> None:
    opens_in_a_stall(scene)
    scene.late.emptied(scene.clock.monotonic())
    scene.clock.advance(1)
    scene.tracker.end(ended(OUT))
    assert duration(scene) == (5200.0, False)


@pytest.mark.parametrize(("began_ago_s", "is_known"), [(STALL_S / PART + 1, True), (STALL_S / PART - 1, False)])
def test_what_lasted_much_longer_than_nobody_read_has_one(
    scene: NetworkScene, began_ago_s: float, is_known: bool
) -> None:
    opens(scene, OUT)
    scene.clock.advance(began_ago_s - STALL_S)
    scene.late.emptied(scene.clock.monotonic())
    stalled = scene.clock.monotonic()
    scene.clock.advance(STALL_S)
    scene.late.waited(stalled)
    scene.tracker.end(ended(OUT))
    assert duration(scene)[1] is not is_known


@pytest.mark.parametrize(("lasted_s", "is_known"), [(5.0, True), (1.0, False)])
def test_only_the_while_in_which_nobody_read_is_uncertain(scene: NetworkScene, lasted_s: float, is_known: bool) -> None:
    """No end had come for long, and we would have been woken by one until then."""
    opens(scene, OUT)
    scene.clock.advance(lasted_s)
    scene.late.waited(scene.clock.monotonic() - 0.2)
    scene.tracker.end(ended(OUT))
    assert duration(scene) == ((1000 * lasted_s, False) if is_known else (None, True))


def test_two_that_were_read_late_tell_of_one_while(scene: NetworkScene) -> None:
    opens(scene, OUT)
    for ago_s in (4.0, 1.0, 3.0):
        scene.clock.advance(0 if ago_s < 4.0 else 4.0)
        scene.late.waited(scene.clock.monotonic() - ago_s)
    assert scene.late.blur(scene.clock.monotonic() - 30, scene.clock.monotonic())


async def test_a_stall_is_known_by_the_moment_at_which_the_next_round_was_due(ends: FakeEnds) -> None:
    """The first packet was read in time, and no other comes."""
    scene = Scene(ends)
    running = asyncio.create_task(scene.watch.run())
    await until(lambda: scene.dumps == 4, "the first round")
    opens(scene, sock(dst="192.0.2.9", inode=0))
    scene.clock.advance(PERIOD_S + STALL_S)
    ends.waiting = [flow()]
    ends.wake()
    await until(lambda: scene.emitted.of("network.flow") or not ends.waiting, "the end is read")
    assert duration(scene) == (None, True)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(("late_s", "named"), [(0.0, 43), (LATE_S, 43), (STALL_S, None)])
def test_a_newcomer_is_named_only_where_somebody_was_looked_for_in_time(
    scene: NetworkScene, late_s: float, named: int | None
) -> None:
    started(scene, 43, 5)
    opens_in_a_stall(scene, late_s)
    scene.tracker.end(ended(OUT))
    assert owner(at_last(scene))[0] == named
