"""An exec waits a moment for its hash, and what follows in its process waits behind it."""

import asyncio

import pytest
from fakes import Emitted
from running import until

from collectors.exec_telling import HASH_S, LATE, ExecTelling
from collectors.executable_facts import Facts
from collectors.executables import Done
from collectors.hash_worker import STOPPED
from collectors.process_reader import NOTHING_READ
from collectors.process_table import Tracked
from sensor.model.events import Event, Evidence, Missing, Timestamp
from sensor.model.kinds import Kind

HASH = "ab" * 32


class FakeTask:
    """Knows the facts of an executable at once, later, or never."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts
        self.waiting: list[Done] = []
        self.executables = self

    def wanted(self, process: Tracked, done: Done) -> Facts | None:
        if self.facts is None:
            self.waiting.append(done)
        return self.facts

    def started(self, container_id: str | None) -> Timestamp | None:
        return Timestamp(100)


class Scene:
    """One process that executed."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.task = FakeTask(facts)
        self.emitted = Emitted()
        self.telling = ExecTelling(self.task, self.emitted)  # type: ignore[arg-type]  # a fake of the two it asks
        self.process = Tracked(7, "entity", 1, Timestamp(0), None, container="app", exe="/bin/a", args=("a",))

    def tell(self, *, from_before: bool = False) -> None:
        self.telling.tell(self.process, lambda: self.event(Kind.PROCESS_EXEC), from_before=from_before)

    def event(self, kind: Kind) -> Event:
        return Event(kind, Timestamp(1), Evidence("cursor", self.process.missing), process=self.process.snapshot())

    @property
    def told(self) -> list[tuple[str, str | None, bool | None]]:
        return [(e.kind, e.process.sha256, e.process.drift) for e in self.emitted.events if e.process]


async def test_what_is_known_is_told_at_once() -> None:
    scene = Scene(Facts(HASH, Timestamp(50)))
    scene.tell()
    assert scene.told == [("process.exec", HASH, False)]


async def test_what_is_known_of_a_program_without_a_name_stays_with_its_event() -> None:
    """The next program of the process could not be told from it, and is another file."""
    scene = Scene(Facts(HASH, Timestamp(50)))
    scene.process.exe = None
    scene.tell()
    assert scene.told == [("process.exec", HASH, False)]
    assert scene.process.sha256 is None


async def test_a_program_that_came_at_run_time_waits_for_its_file_to_be_told() -> None:
    scene = Scene(Facts(HASH, Timestamp(200)))
    scene.tell()
    scene.telling.follow(scene.process, scene.event(Kind.PROCESS_EXIT))
    assert scene.told == []
    await until(lambda: scene.told, "the exec")
    assert scene.told[0] == ("process.exec", HASH, True)
    assert LATE not in scene.emitted.events[0].evidence.missing
    assert [kind for kind, *_ in scene.told] == ["process.exec", "process.exit"]


async def test_it_does_so_after_it_waited_for_its_hash() -> None:
    scene = Scene()
    scene.tell()
    scene.telling.follow(scene.process, scene.event(Kind.PROCESS_EXIT))
    scene.task.waiting[0](Facts(HASH, Timestamp(200)))
    assert scene.told == []
    await until(lambda: len(scene.told) == 2, "the exec and what came after")
    assert scene.told[0] == ("process.exec", HASH, True)


async def test_what_ran_before_we_watched_has_no_file_to_wait_for() -> None:
    scene = Scene(Facts(HASH, Timestamp(200)))
    scene.tell(from_before=True)
    assert scene.told == [("process.exec", HASH, True)]


async def test_a_hash_in_time_is_in_the_event_and_what_follows_comes_after() -> None:
    scene = Scene()
    scene.tell()
    scene.telling.follow(scene.process, scene.event(Kind.PROCESS_EXIT))
    assert scene.told == []
    scene.task.waiting[0](Facts(HASH, Timestamp(50)))
    assert scene.told == [("process.exec", HASH, False), ("process.exit", None, None)]


async def test_a_hash_that_is_late_is_named_as_missing_and_does_not_come_twice() -> None:
    scene = Scene()
    scene.tell()
    await until(lambda: scene.told, "the exec without its hash")
    assert LATE in scene.emitted.events[0].evidence.missing
    scene.task.waiting[0](Facts(HASH))
    assert len(scene.told) == 1


async def test_the_next_program_of_the_process_does_not_overtake() -> None:
    scene = Scene()
    scene.tell()
    scene.process.exe, scene.process.args = "/bin/b", ("b",)
    scene.tell()
    assert [e.process.exe for e in scene.emitted.events if e.process] == ["/bin/a"]
    scene.task.waiting[0](Facts("of the first"))
    scene.task.waiting[1](Facts(HASH))
    assert [(e.process.exe, e.process.sha256) for e in scene.emitted.events if e.process] == [
        ("/bin/a", None),
        ("/bin/b", HASH),
    ]


@pytest.mark.parametrize("exe", ["/bin/b", None], ids=["read", "half read"])
async def test_what_is_read_of_the_next_program_before_it_is_told_changes_nothing_of_this_one(exe: str | None) -> None:
    scene = Scene()
    cwd = Missing("process.cwd", "denied")
    scene.process.missing = (cwd,)
    scene.tell()
    scene.process.exe, scene.process.missing = exe, NOTHING_READ
    scene.task.waiting[0](Facts(HASH, Timestamp(50)))
    assert scene.told == [("process.exec", HASH, False)]
    assert scene.emitted.events[0].evidence.missing == (cwd,)
    assert (scene.process.sha256, scene.process.missing) == (None, NOTHING_READ)


async def test_what_ran_before_waits_longer_for_its_hash_and_not_for_its_file() -> None:
    scene = Scene()
    scene.tell(from_before=True)
    timer = scene.telling._held["entity"].timer
    assert timer.when() > asyncio.get_running_loop().time() + HASH_S
    scene.task.waiting[0](Facts(HASH, Timestamp(200)))
    assert scene.told == [("process.exec", HASH, True)]
    assert timer.cancelled()


async def test_what_is_not_hashed_any_more_waits_for_no_file() -> None:
    scene = Scene()
    scene.tell()
    scene.task.waiting[0](Facts(born_ns=Timestamp(200), why_no_hash=STOPPED))
    assert scene.told == [("process.exec", None, True)]


async def test_the_time_of_what_was_told_is_not_that_of_the_next() -> None:
    scene = Scene()
    scene.tell()
    first = scene.telling._held["entity"].timer
    scene.tell()
    assert first.cancelled()
    assert not scene.telling._held["entity"].timer.cancelled()
    scene.telling.close()


async def test_closing_tells_all_that_is_held() -> None:
    scene = Scene()
    scene.tell(from_before=True)
    scene.telling.close()
    assert scene.told == [("process.exec", None, None)]
