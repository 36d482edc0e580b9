"""How much is read of what is opened, whoever opens it and however fast."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from fakes import FakeClock

from collectors import hint_listener
from collectors.exec_hints import Opened
from collectors.hint_listener import OLD_READS, OPENS_A_WAKE, HintListener
from collectors.open_hints import OpenHints
from collectors.pace import HINTS_SAVED
from sensor.model.counters import Counters

MANY = [Opened("app", "/bin/env", by_loader=False)] * 2048


class Endless:
    """Hints of somebody who opens programs faster than they are read."""

    def __init__(self, root_of: object, counters: Counters) -> None:
        self.reads = 0
        self.ends, self._other = os.pipe()

    def fileno(self) -> int:
        return self.ends

    def read(self) -> list[Opened]:
        self.reads += 1
        assert self.reads < 10_000, "it reads for ever"
        return MANY

    def close(self) -> None:
        os.close(self.ends)
        os.close(self._other)


class Scene:
    def __init__(self) -> None:
        self.counters, self.clock = Counters(), FakeClock()
        self.looks = 0
        self.listener = HintListener(
            root_of=lambda _: None,
            matching=OpenHints(self.clock),
            wake=self._look,
            counters=self.counters,
            clock=self.clock,
        )
        assert isinstance(self.listener._hints, Endless)
        self.hints = self.listener._hints

    def _look(self) -> None:
        self.looks += 1


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(hint_listener, "ExecHints", Endless)
    found = Scene()
    yield found
    found.listener.close()


async def test_who_opens_without_end_does_not_keep_us_from_listening(scene: Scene) -> None:
    scene.listener.listen()
    assert scene.listener.is_listening
    assert scene.hints.reads == OLD_READS
    assert (scene.counters.seen["hints.missed"], scene.counters.seen["hints.unread"]) == (OLD_READS, 1)


async def test_what_is_opened_draws_on_what_may_be_listened_to(scene: Scene) -> None:
    scene.listener.listen()
    reads = 0
    while scene.listener.read():
        reads += 1
    assert not scene.listener.is_listening
    assert reads == HINTS_SAVED * OPENS_A_WAKE // len(MANY) + 1
    scene.listener.listen()
    assert not scene.listener.is_listening
    scene.clock.advance(60)
    scene.listener.listen()
    assert scene.listener.is_listening


async def test_what_is_learnt_between_looks_leads_to_one_more_look(scene: Scene) -> None:
    scene.listener.listen()
    scene.listener.learn()
    scene.listener.learn()
    assert scene.looks == 0, "not in the middle of the one that is under way"
    await asyncio.sleep(0)
    assert scene.looks == 1
    scene.listener.learn()
    await asyncio.sleep(0)
    assert scene.looks == 2


async def test_nobody_looks_for_what_was_learnt_once_nobody_listens(scene: Scene) -> None:
    scene.listener.listen()
    scene.listener.learn()
    scene.listener.stop()
    await asyncio.sleep(0)
    assert scene.looks == 0
