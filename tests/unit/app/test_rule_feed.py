"""Rules that come and change while the sensor runs."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.app import rule_feed
from sensor.app.rule_feed import MOST_FIGURES, RuleFeed, signature_of
from sensor.detect import shipped
from sensor.detect.compact import RuleSet, pack
from sensor.detect.detector import Detector
from sensor.detect.engine import Engine
from sensor.model.counters import Counters
from sensor.model.events import Header, Sensor
from tests.fakes import FakeClock
from tests.rules_from import ID, compiled, rule_text

SHIPS = compiled(rule_text("sel: {Image|endswith: /a}\ncondition: sel", title="ships"))
OWN = rule_text("sel: {Image|endswith: /b}\ncondition: sel", title="own", ident="11111111-2222-4333-8444-555555555556")


@pytest.fixture(autouse=True)
def ships(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of shipped rules."""
    path = tmp_path_factory.mktemp("shipped") / "shipped.msgpack"
    path.write_bytes(pack(SHIPS))
    monkeypatch.setattr(shipped, "SHIPPED", str(path))
    return path


class Followed(Detector):
    """A feed, and what the detector was given."""

    def __init__(self, *paths: Path) -> None:
        self.given: list[RuleSet] = []
        header = Header(Sensor("s", "e", "0"))
        super().__init__(header=lambda: header, current=lambda _: None, counters=Counters(), clock=FakeClock())
        self.feed = RuleFeed(self, list(map(str, paths)), look_s=0.01)

    def use(self, engine: Engine) -> None:
        self.given.append(engine.rules)
        super().use(engine)

    def titles(self) -> list[str]:
        return sorted(rule.title for rule in self.given[-1].rules)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # what is waited for is a plain value
            await asyncio.sleep(0.01)


async def test_what_ships_is_there_at_once() -> None:
    followed = Followed()
    await followed.feed.start()

    assert followed.titles() == ["ships"]
    assert followed.feed.health().status == "ok"
    await asyncio.wait_for(followed.feed.run(), 10)  # nothing to follow


def test_the_rules_that_were_left_undecided_most_are_in_the_figures() -> None:
    followed = Followed()
    for number in range(MOST_FIGURES + 1):
        followed.undecided[f"rule-{number}"] = number + 1

    figures = followed.feed.health().figures

    assert len(figures) == MOST_FIGURES
    assert figures[f"undecided:rule-{MOST_FIGURES}"] == MOST_FIGURES + 1
    assert "undecided:rule-0" not in figures


def test_rules_that_cannot_be_read_are_told(ships: Path, caplog: pytest.LogCaptureFixture) -> None:
    ships.write_bytes(b"broken")
    followed = Followed()
    asyncio.run(followed.feed.start())

    assert followed.titles() == []
    assert followed.feed.health().status == "degraded"
    assert "shipped.msgpack: rules: " in caplog.text


async def test_files_are_followed_and_a_broken_one_costs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "own.yml").write_text(OWN)
    followed = Followed(tmp_path)
    await followed.feed.start()
    running = asyncio.create_task(followed.feed.run())

    await until(lambda: followed.titles() == ["own", "ships"])
    (tmp_path / "broken.yml").write_text("a: [")
    (tmp_path / "mine.yml").write_text(rule_text("sel: {Image: x}\ncondition: sel", title="mine instead", ident=ID))
    await until(lambda: followed.titles() == ["mine instead", "own"])
    health = followed.feed.health()
    (tmp_path / "broken.yml").unlink()
    await until(lambda: followed.feed.health().status == "ok")
    running.cancel()

    assert health.status == "degraded"
    assert "1 problems in rules, the first: " in (health.reason or "")
    assert "broken.yml" in caplog.text


async def test_when_the_compiler_fails_those_before_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_feed.sys, "executable", "/bin/false")
    followed = Followed(tmp_path)
    await followed.feed.start()
    running = asyncio.create_task(followed.feed.run())

    await until(lambda: followed.feed.health().status == "degraded")
    running.cancel()

    assert followed.titles() == ["ships"]
    assert "the compiler ended with 1" in (followed.feed.health().reason or "")


async def test_files_that_were_mended_are_compiled_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = rule_feed.sys.executable
    monkeypatch.setattr(rule_feed, "RETRY_S", 1e9)
    monkeypatch.setattr(rule_feed.sys, "executable", "/bin/false")
    (tmp_path / "own.yml").write_text("a: [")
    followed = Followed(tmp_path)
    await followed.feed.start()
    running = asyncio.create_task(followed.feed.run())
    await until(lambda: followed.feed.health().status == "degraded")

    monkeypatch.setattr(rule_feed.sys, "executable", python)
    (tmp_path / "own.yml").write_text(OWN)
    await until(lambda: followed.titles() == ["own", "ships"])
    running.cancel()


async def test_files_that_stay_as_they_are_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = rule_feed.sys.executable
    monkeypatch.setattr(rule_feed, "RETRY_S", 0.02)
    monkeypatch.setattr(rule_feed.sys, "executable", "/bin/false")
    (tmp_path / "own.yml").write_text(OWN)
    followed = Followed(tmp_path)
    await followed.feed.start()
    running = asyncio.create_task(followed.feed.run())
    await until(lambda: followed.feed.health().status == "degraded")

    monkeypatch.setattr(rule_feed.sys, "executable", python)
    await until(lambda: followed.titles() == ["own", "ships"])
    running.cancel()


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_without_a_thread_what_ships_is_loaded_and_files_are_looked_at_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yml").write_text(OWN)
    followed, starts = Followed(tmp_path), threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    await followed.feed.start()
    assert followed.titles() == ["ships"]

    running = asyncio.create_task(followed.feed.run())
    await asyncio.sleep(0.05)
    assert not running.done()
    monkeypatch.setattr(threading.Thread, "start", starts)
    await until(lambda: followed.titles() == ["own", "ships"])
    running.cancel()


def test_a_changed_file_changes_the_signature(tmp_path: Path) -> None:
    file, hidden = tmp_path / "a.yml", tmp_path / "..data"
    hidden.mkdir()
    (hidden / "b.yml").write_text("x")
    (tmp_path / "c.txt").write_text("x")
    file.write_text("x")
    before = signature_of([str(tmp_path)])
    os.utime(file, ns=(1, 1))

    assert len(before) == 1
    assert signature_of([str(tmp_path)]) != before
    assert len(signature_of([str(file), str(tmp_path / "none")])) == 1
