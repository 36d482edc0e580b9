import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

import pytest

from sensor.containers.names import ContainerNames
from sensor.containers.task_metadata import TaskMetadata
from sensor.detect.compact import RuleSet
from sensor.detect.detector import Detector
from sensor.detect.engine import Engine
from sensor.enrich.enricher import Enricher
from sensor.model.counters import Counters
from sensor.model.events import Ancestor, Container, Event, Evidence, Header, Process, Sensor, Task
from sensor.model.kinds import Kind
from sensor.pipeline.queue import EventQueue
from tests.fakes import START, FakeClock, FakeTaskView
from tests.fakes_timers import FakeTimers
from tests.rules_from import compiled, rule_text

APP = Container("c1", "app", "shop:1.4")


class View(FakeTaskView):
    def current(self, entity: str) -> Process | None:
        return next((p for p in self.processes.values() if p.entity == entity), None)


class Bench:
    def __init__(self, fold: bool = True) -> None:
        self.view, self.counters = View(), Counters()
        timers = FakeTimers()
        self.queue = EventQueue(capacity=100, counters=self.counters, clock=timers.clock, later=timers.later)
        self.names = names = ContainerNames(sensor=Sensor("s", "e", "0"), platform="docker")
        names.learn(TaskMetadata(Task("docker"), {"c1": APP}))
        self.enricher = Enricher(task=self.view, names=names, counters=self.counters, clock=FakeClock(), fold=fold)
        self.sunk: list[Event] = []

    def event(self, pid: int, *args: str, kind: Kind = Kind.PROCESS_EXEC) -> Event:
        process = Process(f"entity-{pid}", pid, start=START, exe="/bin/app", args=args)
        self.view.processes[pid] = process
        return Event(kind, START, Evidence("test"), container=Container("c1"), process=process)

    async def run(self, *events: Event) -> None:
        for event in events:
            self.queue.emit(event)
        self.queue.close()
        await asyncio.wait_for(self.enricher.run(self.queue, self.sunk.append), 10)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for is a plain value
            await asyncio.sleep(0)


async def test_an_event_leaves_with_ancestors_a_named_container_and_no_secret() -> None:
    bench = Bench()
    bench.view.chains["entity-7"] = (Ancestor("e1", 1, "/pause"),)
    await bench.run(bench.event(7, "app", "--token=x"))
    (event,) = bench.sunk
    assert event.container == APP
    assert event.process is not None
    assert event.process.args == ("app", "--token=***")
    assert event.process.ancestors == (Ancestor("e1", 1, "/pause"),)


async def test_what_a_young_process_turned_out_to_run_is_masked_as_well() -> None:
    bench = Bench()
    told = bench.event(7, "sh", kind=Kind.NETWORK_CONNECT)
    bench.event(7, "mysql", "-phunter2")
    await bench.run(told)
    assert bench.sunk[0].process is not None
    assert bench.sunk[0].process.args == ("mysql", "-p***")


async def test_a_held_event_is_released_when_its_process_settles() -> None:
    bench = Bench()
    bench.view.unsettled.add("entity-7")
    running = asyncio.create_task(bench.enricher.run(bench.queue, bench.sunk.append))
    bench.queue.emit(bench.event(7, "sh", kind=Kind.FILE_CREATE))
    bench.queue.emit(bench.event(8, "ls"))
    await until(lambda: not len(bench.queue))
    assert bench.sunk == []
    bench.view.unsettled.clear()
    await until(lambda: len(bench.sunk) == 2)
    assert [event.kind for event in bench.sunk] == [Kind.FILE_CREATE, Kind.PROCESS_EXEC]
    bench.queue.close()
    await asyncio.wait_for(running, 10)


async def test_at_the_end_nothing_stays_held() -> None:
    bench = Bench()
    bench.view.unsettled.add("entity-7")
    await bench.run(bench.event(7, "sh", kind=Kind.FILE_CREATE))
    assert len(bench.sunk) == 1
    assert bench.counters.seen["released_unsettled"] == 1


async def test_cancelled_it_hands_on_what_it_held() -> None:
    bench = Bench()
    bench.view.unsettled.add("entity-7")
    bench.queue.emit(bench.event(7, "sh", kind=Kind.FILE_CREATE))
    running = asyncio.create_task(bench.enricher.run(bench.queue, bench.sunk.append))
    await until(lambda: not len(bench.queue))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert len(bench.sunk) == 1


async def test_a_fault_costs_its_event_only_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    broken = bench.event(7, "a")._replace(container=Container([]))  # type: ignore[arg-type]  # as a faulty collector would
    await bench.run(broken, bench.event(8, "b"))
    assert [event.process.pid for event in bench.sunk if event.process] == [8]
    assert bench.counters.losses == {"enrich_failed": 1}
    assert re.fullmatch(
        r"events are lost on their way: process.exec: TypeError at \w+\.py:\d+(, \w+\.py:\d+)*", caplog.messages[0]
    )


async def test_a_source_that_fails_is_not_silenced() -> None:
    async def failing() -> AsyncIterator[list[Event]]:
        yield [bench.event(7, "a")]
        raise OSError("gone")

    bench = Bench()
    with pytest.raises(OSError, match="gone"):
        await bench.enricher.run(failing(), bench.sunk.append)
    assert len(bench.sunk) == 1


def runs(bench: Bench, times: int, *args: str) -> list[Event]:
    """As many short runs of one program, each an exec and an exit."""
    execs = [bench.event(pid, "date", *args) for pid in range(100, 100 + times)]
    return [part for event in execs for part in (event, event._replace(kind=Kind.PROCESS_EXIT))]


async def test_the_same_again_is_folded_after_masking() -> None:
    bench = Bench()
    await bench.run(*runs(bench, 10, "--token=x"))
    assert [event.count for event in bench.sunk] == [1, 1, 1, 1, 1, 1, 7, 7]
    assert {event.process.args for event in bench.sunk if event.process} == {("date", "--token=***")}


async def test_secrets_that_differ_make_no_difference() -> None:
    bench = Bench()
    await bench.run(*(part for n in range(5) for part in runs(bench, 1, f"--token={n}")))
    assert [event.count for event in bench.sunk] == [1, 1, 1, 1, 1, 1, 2, 2]


async def test_folding_can_be_off() -> None:
    bench = Bench(fold=False)
    await bench.run(*runs(bench, 10))
    assert [event.count for event in bench.sunk] == [1] * 20


async def test_a_fault_with_a_folded_event_costs_all_that_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    def sink(event: Event) -> None:
        if event.count > 1:
            raise OSError("no room for password=hunter2")
        bench.sunk.append(event)

    for event in [*runs(bench, 10), bench.event(7, "new")]:
        bench.queue.emit(event)
    bench.queue.close()
    await asyncio.wait_for(bench.enricher.run(bench.queue, sink), 10)
    assert len(bench.sunk) == 7
    assert bench.counters.losses == {"enrich_failed": 14}
    assert "process.exec: OSError at " in caplog.text
    assert "hunter2" not in caplog.text


RULES = compiled(rule_text("sel: {CommandLine|contains: [nmap, 'token=x']}\ncondition: sel"))


def with_detection(bench: Bench, rules: RuleSet = RULES) -> Detector:
    header = Header(Sensor("s", "e", "0"), task=Task("docker"))
    detector = Detector(header=lambda: header, current=lambda _: None, counters=bench.counters, clock=FakeClock())
    detector.use(Engine(rules))
    bench.enricher = Enricher(
        task=bench.view, names=bench.names, counters=bench.counters, clock=FakeClock(), detector=detector
    )
    return detector


async def test_a_detection_follows_its_event_which_rules_see_unmasked_and_named() -> None:
    bench = Bench()
    with_detection(bench)
    bench.view.chains["entity-7"] = (Ancestor("e1", 1, "/pause"),)
    await bench.run(bench.event(7, "app", "--token=x"), bench.event(8, "ls"))

    assert [event.kind for event in bench.sunk] == [Kind.PROCESS_EXEC, Kind.DETECTION, Kind.PROCESS_EXEC]
    exec_event, detection, _ = bench.sunk
    assert detection.detection is not None
    assert (detection.process, detection.container) == (exec_event.process, APP)
    assert exec_event.process is not None
    assert exec_event.process.args == ("app", "--token=***")


@pytest.mark.parametrize(
    "command", [": cookie:x; {}", ": cookie: x y; {}", ': "password: {}"', "TOKEN='{}' app"], ids=lambda text: text
)
async def test_what_is_masked_hides_nothing_from_the_rules(command: str) -> None:
    bench = Bench()
    with_detection(bench)
    await bench.run(bench.event(7, "bash", "-c", command.format("nmap 10.0.0.0/8")))
    assert [event.kind for event in bench.sunk] == [Kind.PROCESS_EXEC, Kind.DETECTION]


async def test_no_secret_leaves_with_what_is_detected_at_once_or_later() -> None:
    bench = Bench()
    with_detection(bench)
    words = ("nmap", "--token=hunter2", "-H", "Cookie: a=hunter2")
    events = [bench.event(pid, *words) for pid in range(10, 40)]
    preloaded = bench.event(8, "nmap")
    assert preloaded.process is not None
    events.append(preloaded._replace(process=preloaded.process._replace(preload=("LD_PRELOAD=/a token=hunter2",))))
    await bench.run(*events)
    assert sum(event.count for event in bench.sunk if event.kind is Kind.DETECTION) == 31
    assert "***" in str(bench.sunk)
    assert "hunter2" not in str(bench.sunk)


async def test_what_is_folded_is_told_when_it_is_detected() -> None:
    bench = Bench()
    with_detection(bench)
    await bench.run(*(bench.event(number, "ls") for number in range(10, 16)), bench.event(7, "nmap"))

    told = [(event.kind, event.process.pid) for event in bench.sunk if event.process]
    assert told.index((Kind.PROCESS_EXEC, 7)) < told.index((Kind.DETECTION, 7))


async def test_repeated_detections_leave_at_the_end_with_their_count() -> None:
    bench = Bench()
    with_detection(bench)
    await bench.run(*(bench.event(number, "nmap") for number in range(10, 15)))

    assert [event.count for event in bench.sunk if event.kind is Kind.DETECTION] == [1, 4]


async def test_a_fault_of_detection_costs_detections_only(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    detector = with_detection(bench)
    monkeypatch.setattr(detector, "detect", lambda event, masked: int(event.process.args[1]))
    await bench.run(bench.event(7, "nmap", "--token=hunter2"))

    assert [event.kind for event in bench.sunk] == [Kind.PROCESS_EXEC]
    assert bench.counters.losses == {"detect_failed": 1}
    assert "detection, process.exec: ValueError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_events_of_a_kind_of_which_no_rule_asks_are_not_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    detector = with_detection(bench)
    asked: list[Kind] = []
    monkeypatch.setattr(detector, "detect", lambda event, masked: asked.append(event.kind) or [])
    await bench.run(bench.event(7, "nmap"), bench.event(7, "nmap", kind=Kind.NETWORK_FLOW))

    assert [event.kind for event in bench.sunk] == [Kind.PROCESS_EXEC, Kind.NETWORK_FLOW]
    assert asked == [Kind.PROCESS_EXEC]
