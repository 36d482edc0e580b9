"""What following ends takes of the network's share of CPU."""

import pytest
from test_network_watch import FakeEnds, Scene, ends, flow

__all__ = ["ends"]


async def test_what_ends_take_is_measured_once_with_the_packets_before_them(
    ends: FakeEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(ends)
    measured, use = 0, 0.25

    def used() -> float:
        nonlocal measured
        measured += 1
        return scene.cpu_s

    def catch_up() -> None:
        scene.cpu_s += use

    monkeypatch.setattr(scene.storm.share, "_used", used)
    monkeypatch.setattr(scene, "catch_up", catch_up)
    scene.watch.hear()
    assert measured == 0, "nothing has ended"

    ends.waiting = [flow(1), flow(2)]
    scene.watch.hear()
    assert (scene.storm.share.drawn, measured) == (use, 2)
