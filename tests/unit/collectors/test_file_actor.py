"""The order of evidence for who did it, and what it takes."""

import os
import stat
from typing import Any

import pytest
from fakes import START, FakeClock, FakeTaskView

from collectors.actor_descriptors import TURN_S
from collectors.file_actor import ALONE, ARGUMENT, DESCRIPTOR, MOST_CANDIDATES, STARTED_S, Actor, Actors
from collectors.file_changes import RESCAN, Change
from collectors.file_holders import UNASKED
from sensor.model.counters import Counters
from sensor.model.events import Ancestor, Process, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, Holders, OpenFile, Recent

APP = "app"
FILE = (5, 77)
FLAGS = os.O_WRONLY | os.O_APPEND


def status(mode: int = stat.S_IFREG | 0o644) -> os.stat_result:
    return os.stat_result((mode, FILE[1], FILE[0], 1, 0, 0, 10, 0, 0, 0))


class Scene:
    """A container with processes, and a change of /etc/passwd at this moment."""

    def __init__(self) -> None:
        self.task, self.counters, self.clock = FakeTaskView(), Counters(), FakeClock()
        self.actors = Actors(self.task, self.counters, self.clock)
        self.since = self.clock.monotonic() - 0.01

    def add(self, pid: int, *args: str, **facts: Any) -> Process:
        self.task.add(pid, APP)
        process = self.task.processes[pid]._replace(args=args, start=Timestamp(START - 1_000_000), **facts)
        self.task.processes[pid] = process
        return process

    def holds(self, *pids: int, flags: int = FLAGS, position: int = 10, written: int = 10) -> None:
        self.task.file_holders[FILE] = pids
        for pid in pids:
            self.task.open_files[(pid, *FILE)] = (OpenFile(3, flags, position, 10, written),)

    def who(self, kind: Kind = Kind.FILE_MODIFY, *, apart: bool = True, **change: Any) -> Actor:
        self.actors.new_turn()
        found = status()
        made = Change(kind, change.pop("container", APP), b"/etc/passwd", since=self.since, **change)
        return self.actors.of(made, None if kind is Kind.FILE_DELETE else found, apart=apart)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_who_holds_it_at_its_end_and_has_written_did_it(scene: Scene) -> None:
    shell = scene.add(1, "sh", "/tmp/script")
    scene.add(2, "vi", "/etc/passwd")
    scene.holds(1)
    assert scene.who() == Actor(shell, DESCRIPTOR)


@pytest.mark.parametrize(
    "opened",
    [
        {"flags": os.O_RDONLY},
        {"flags": os.O_WRONLY | os.O_PATH},
        {"position": 3},
        {"written": 0},
    ],
)
def test_who_cannot_have_written_is_not_named_by_its_descriptor(scene: Scene, opened: dict[str, int]) -> None:
    scene.add(1, "sh")
    scene.add(2, "sh")
    scene.holds(1, **opened)
    assert scene.who().evidence is None


def test_of_two_who_may_have_written_none_is_named(scene: Scene) -> None:
    first, second = scene.add(1, "a"), scene.add(2, "b")
    scene.holds(1, 2)
    assert scene.who() == Actor(candidates=(first.entity, second.entity))


@pytest.mark.parametrize("kind", [Kind.FILE_ATTRIBUTES, Kind.FILE_RENAME, Kind.FILE_DELETE])
def test_a_descriptor_says_nothing_of_who_changed_a_name_or_a_mode(scene: Scene, kind: Kind) -> None:
    scene.add(1, "daemon")
    chmod = scene.add(2, "chmod", "777", "/etc/passwd")
    scene.holds(1)
    assert scene.who(kind) == Actor(chmod, ARGUMENT)


def test_where_the_kernel_does_not_count_what_is_written_the_position_has_to_do(scene: Scene) -> None:
    shell = scene.add(1, "sh")
    scene.holds(1, written=-1)
    assert scene.who() == Actor(shell, DESCRIPTOR)


def test_of_a_shell_and_its_command_the_command_is_named(scene: Scene) -> None:
    shell = scene.add(1, "sh", "-c", "cp x /etc/passwd")
    copy = scene.add(2, "cp", "x", "/etc/passwd", ancestors=(Ancestor(shell.entity, 1),))
    assert scene.who() == Actor(copy, ARGUMENT)


def test_two_that_name_the_file_are_candidates(scene: Scene) -> None:
    scene.add(1, "vi", "/etc/passwd")
    scene.add(2, "tee", "/etc/passwd")
    assert scene.who().candidates == ("entity-2", "entity-1")


def test_what_was_started_long_ago_was_not_started_for_this_unless_a_person_sits_before_it(scene: Scene) -> None:
    scene.clock.advance(STARTED_S + 1)
    scene.since = scene.clock.monotonic()
    scene.add(1, "server", "--config", "/etc/passwd")
    scene.add(2, "other")
    assert scene.who().evidence is None
    editor = scene.add(3, "vi", "/etc/passwd", tty="pts/0")
    assert scene.who() == Actor(editor, ARGUMENT)


def test_one_that_has_just_ended_counts_and_one_that_ended_before_does_not(scene: Scene) -> None:
    chmod = Process("gone", 9, args=("chmod", "1", "/etc/passwd"), start=START)
    scene.task.dead.append((APP, Recent(chmod, scene.since - 1)))
    scene.add(1, "sh")
    scene.add(2, "sh")
    assert scene.who().evidence is None
    scene.task.dead.append((APP, Recent(chmod, scene.since)))
    assert scene.who() == Actor(chmod, ARGUMENT)


def test_the_only_process_of_the_container_is_named_as_such(scene: Scene) -> None:
    server = scene.add(1, "server")
    assert scene.who() == Actor(server, ALONE)
    assert scene.who(Kind.FILE_DELETE) == Actor(server, ALONE)


def test_alone_takes_that_nobody_else_can_have_been_there(scene: Scene) -> None:
    server = scene.add(1, "server")
    candidate = Actor(candidates=(server.entity,))
    assert scene.who(apart=False) == candidate, "the file lies where other containers may reach"
    scene.task.up_to_date = False
    assert scene.who() == candidate, "something was started that nobody has looked at"
    scene.task.up_to_date = True
    scene.counters.unexplained += 1
    assert scene.who() == candidate, "something came and went unseen"
    scene.clock.advance(1)
    scene.since = scene.clock.monotonic()
    assert scene.who() == Actor(server, ALONE)


def test_on_a_plain_machine_nobody_is_alone(scene: Scene) -> None:
    scene.task.add(1, HOST)
    assert scene.who(container=HOST).evidence is None


def test_of_what_a_comparison_found_only_a_descriptor_tells(scene: Scene) -> None:
    server = scene.add(1, "server")
    assert scene.who(source=RESCAN) == Actor()
    scene.holds(1)
    assert scene.who(source=RESCAN) == Actor(server, DESCRIPTOR)


def test_candidates_are_bounded_and_said_to_be_cut(scene: Scene) -> None:
    for pid in range(1, MOST_CANDIDATES + 2):
        scene.add(pid, "worker")
    found = scene.who()
    assert (len(found.candidates), found.cut) == (MOST_CANDIDATES, True)


SECRET = (APP, b"/etc/shadow")


def opened_by(scene: Scene) -> list[int]:
    scene.actors.new_turn()
    return scene.actors.descriptors.openers(SECRET, status())


def watched(scene: Scene) -> None:
    scene.actors.descriptors.watched(SECRET, status())


def test_who_had_a_secret_open_before_did_not_open_it_now(scene: Scene) -> None:
    scene.add(1)
    scene.add(2)
    scene.holds(1)
    watched(scene)
    scene.holds(1, 2)
    assert opened_by(scene) == [2]
    assert opened_by(scene) == [], "it has it still"


def test_who_may_have_been_left_out_of_the_look_before_is_not_named(scene: Scene) -> None:
    scene.add(1)
    scene.task.asks_all = False
    watched(scene)
    scene.task.asks_all = True
    scene.holds(1)
    assert opened_by(scene) == []
    scene.holds()
    assert opened_by(scene) == []
    scene.holds(1)
    assert opened_by(scene) == [1], "the look before was whole"


def test_who_came_after_a_look_that_left_some_out_is_named(scene: Scene) -> None:
    scene.task.asks_all = False
    watched(scene)
    scene.add(1)
    scene.task.processes[1] = scene.task.processes[1]._replace(start=Timestamp(scene.clock.wall() + 1))
    scene.add(2)
    scene.holds(1, 2)
    assert opened_by(scene) == [1]


def test_searches_of_one_turn_end_after_a_while_and_are_counted(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def holders_of(device: int, inode: int) -> Holders:
        asked.append(inode)
        scene.clock.advance(TURN_S / 4)
        return Holders()

    monkeypatch.setattr(scene.task, "holders_of", holders_of)
    files = [os.stat_result((stat.S_IFREG, inode, 5, 1, 0, 0, 10, 0, 0, 0)) for inode in range(10)]
    for inode, file in enumerate(files):
        scene.actors.descriptors.watched((APP, b"%d" % inode), file)
    assert asked == [0, 1, 2, 3, 4]
    assert scene.counters.seen[UNASKED] == 5
    scene.actors.new_turn()
    scene.actors.descriptors.watched((APP, b"9"), files[9])
    assert asked[-1] == 9
