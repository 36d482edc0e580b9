"""The life of the sensor: start, watch, and on SIGTERM tell what is left and go."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import Any

from collectors.procfs import Procfs
from collectors.registry import collectors
from collectors.task_view import Task
from sensor.app.identity import PodNames, container_names, instance
from sensor.app.outlet import LESS, MB, Outlet, call_later
from sensor.app.parking import park, uptime
from sensor.app.rule_feed import RuleFeed
from sensor.app.siblings import ALONE_S, FIRST_S, Siblings
from sensor.app.signals import listen
from sensor.app.stopping import Stopping
from sensor.app.supervisor import Supervisor
from sensor.config.handover import Handover, View
from sensor.containers import pod_capacity
from sensor.containers.ecs_metadata import EcsMetadata, endpoint
from sensor.containers.platform import EKS_FARGATE, KUBERNETES, detect
from sensor.containers.task_metadata import TaskMetadata
from sensor.detect.detector import Detector
from sensor.enrich.enricher import Enricher
from sensor.enrich.process import may_wait
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.events import CollectorHealth, Event
from sensor.model.protocols import HOST
from sensor.pipeline.queue import EventQueue
from sensor.telemetry.governor import LOOK_S, Governor
from sensor.telemetry.hardening import Measure
from sensor.telemetry.heartbeat import Heartbeat
from sensor.telemetry.helper_use import HelperUse
from sensor.telemetry.hidden_quota import HiddenQuota
from sensor.telemetry.log import configure
from sensor.telemetry.own_process import INTERVAL_S, OwnProcess
from sensor.telemetry.pulse import Pulse
from sensor.telemetry.task_memory import TaskMemory
from sensor.telemetry.usage import UsageMeter

METADATA_S = 2.0
"""How long the first events wait for the task's metadata, so that they already name the task and its containers."""

SPOOL_WITHIN = 8 * 1024 * 1024
"""So much of the spool is within the memory budget; a larger one was wished for, and comes on top."""

log = logging.getLogger("sensor")


def run(handover: Handover, launcher: socket.socket | None, measures: Sequence[Measure]) -> int:
    """Be the sensor until told to stop. Whatever goes wrong here, a deployed sensor parks and does not exit, unless its
    end is what others wait for: a Job's pod is not started again, and would never complete."""
    counters, clock = Counters(), SystemClock()
    born = clock.monotonic()
    configure(handover.settings.log_level, counters)
    for measure in measures:
        log.log(logging.DEBUG if measure.ok else logging.WARNING, "%s", measure.text)
    try:
        return _lived(Sidecar(handover, launcher, counters))
    except Exception:  # a crash loop would make a pod unready
        log.exception("the sensor cannot go on")
    if handover.view is not View.NONE:
        return 1
    if not handover.settings.exit_when_alone:
        park(Pulse(clock=clock, read=uptime), clock, born)
    return 0


def _lived(sidecar: "Sidecar") -> int:
    """The exit code. When all is done the loop is closed by a thread, which a pids limit may refuse."""
    try:
        return asyncio.run(sidecar.live())
    except RuntimeError:
        if not sidecar.ended:
            raise
        return 0


class Sidecar:
    """All parts of one sensor, wired. Parked, it only reports why it is."""

    def __init__(self, handover: Handover, launcher: socket.socket | None, counters: Counters) -> None:
        settings, clock, procfs = handover.settings, SystemClock(), Procfs()
        self._handover = handover
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._opened = asyncio.Event()
        self._reported = asyncio.Event()
        self._task = Task(
            instance=instance(settings, os.environ, procfs),
            launcher=launcher,
            counters=counters,
            clock=clock,
            procfs=procfs,
            probes=settings.probe_commands,
        )
        self._memory_limit: int | None = None
        self._told_cores, self._held_to = self._task.cores, inf
        self._learn_size(settings.cpus)
        if settings.pod_capacity is not None:
            self._learn_size(*pod_capacity.parse(settings.pod_capacity))
        self._hidden_quota = HiddenQuota(clock)
        self._names = container_names(handover, os.environ, self._task, clock)
        self._metadata = self._ask_ecs(clock)
        self._queue = EventQueue(
            capacity=settings.queue_events, counters=counters, clock=clock, later=call_later, may_wait=may_wait
        )
        detector = Detector(header=self._names.header, current=self._task.current, counters=counters, clock=clock)
        self._rules = RuleFeed(detector, settings.rules) if settings.detection and not handover.parked else None
        self._enricher = Enricher(
            task=self._task,
            names=self._names,
            counters=counters,
            clock=clock,
            fold=settings.fold,
            detector=detector if self._rules is not None else None,
        )
        self._outlet = Outlet(
            handover, header=self._names.header, counters=counters, clock=clock, resolution=self._task.resolution
        )
        self._supervisor = Supervisor(
            [] if handover.parked else collectors(settings, self._task, counters, clock),
            counters=counters,
            clock=clock,
            changed=self._beat,
        )
        self._governor = self._governed(counters, clock)
        meter = UsageMeter(clock=clock, pids=self._task.own_pids)
        self._heartbeat = Heartbeat(
            counters=counters,
            clock=clock,
            usage=meter.look,
            collectors=self._health,
            parked=handover.parked,
            budget_used=self._outlet.budget.used,
            given_up=self._governor.given_up,
        )
        self._siblings = Siblings(self._task, clock)
        self._own_process = OwnProcess(counters=counters, clock=clock, changed=self._beat)
        self._pulse = Pulse(clock=clock, read=procfs.read)
        self._background: set[asyncio.Task[None]] = set()
        self._finishing = False
        self.ended = False

    async def live(self) -> int:
        """Start everything, wait to be stopped, stop everything in the order in which events flow."""
        listen(self._told_to_stop, self._continued)
        self._task.start()
        self._task.listen(PodNames(self._task, self._names, self._settings.container_images))
        self._task.listen(self._siblings)
        enriching = asyncio.create_task(self._enrich())
        self._supervisor.start(self._task, self._queue.emit)
        self._in_background(self._pulse.run(parked=bool(self._handover.parked)))
        self._in_background(self._look_at_itself())
        self._in_background(self._govern())
        self._in_background(self._deliver())
        self._beating = self._in_background(self._beats())
        if self._settings.exit_when_alone:
            self._in_background(self._until_alone())
        await self._until_stopped(enriching)
        try:
            await self._finish(enriching, Stopping(self._settings.stop_deadline, self._clock))
        except Exception:  # whatever went wrong, it was told to end
            log.exception("the stop did not go as it should")
        self.ended = True
        return 0

    def _told_to_stop(self, sender: int) -> None:
        """The second time, it is in a hurry. Who has sent the signal is told where it was another container."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()
        if who := self._intruder(sender):
            self._own_process.tell(f"told to stop by {who}, not by the platform")

    def _continued(self, sender: int) -> None:
        self._own_process.continued(self._intruder(sender) or "the platform")

    def _intruder(self, pid: int) -> str | None:
        """Who has sent a signal, where that was another container."""
        if not pid:
            return None
        try:
            process, container = self._task.process(pid), self._task.container_of(pid)
        except Exception:  # such as a /proc that cannot be opened; what the signal brings about does not depend on it
            log.exception("who sent the sensor a signal (PID %d) could not be looked up", pid)
            return None
        if container in (self._task.own_container, HOST):
            return None
        where = f"of container {container}" if container else "that is gone"
        program = process.exe or process.comm if process else None
        return f"PID {pid} ({program or 'unknown'}) {where}"

    async def _until_alone(self) -> None:
        """Stop when all other containers have ended; in a pod also when none is seen for long."""
        platform = detect(os.environ, self._task.own_container, self._settings.node_name)
        await self._siblings.alone_for(ALONE_S, FIRST_S if platform in (EKS_FARGATE, KUBERNETES) else None)
        log.info("all other containers have ended" if self._siblings.ever else "no other container has been seen")
        self._stop.set()

    async def _until_stopped(self, enriching: asyncio.Task[None]) -> None:
        """Until a signal, the end of `--for`, or a part that all else depends on gives up."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait(
                {stopping, enriching}, timeout=self._handover.run_for, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
        if enriching.done():
            enriching.result()

    async def _finish(self, enriching: asyncio.Task[None], stopping: Stopping) -> None:
        """From the collectors to the destinations, each part drained before the next one ends; the last report at last.

        What could not be delivered is counted before that report is made, so that its counters are final.
        """
        log.info("stopping")
        if self._handover.view is View.NONE:
            stopping.end_in_any_case()
            await self._outlast(stopping)
        self._own_process.look()
        await self._supervisor.stop()
        self._finishing = True
        self._beating.cancel()
        self._queue.close()
        await enriching
        await self._outlet.flush(stopping.to_deliver())
        added = stopping.added(self._siblings.alone_since, self._siblings.alive)
        for event in self._made(lambda: self._heartbeat.stop(added)):
            self._outlet.put(event)
        await self._outlet.flush(stopping.for_the_last_word())
        for background in self._background:
            background.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._outlet.aclose()
        self._task.close()
        added = stopping.added(self._siblings.alone_since, self._siblings.alive)
        log.info("stopped %.1f s after being told to, %.1f s of them alone", stopping.took(), added)

    async def _outlast(self, stopping: Stopping) -> None:
        """Go on watching while other containers live, until it is time to deliver."""
        seconds = stopping.to_watch()
        waits = [asyncio.create_task(self._siblings.gone()), asyncio.create_task(self._hurry.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._siblings.alive:
            log.warning("other containers still live; the sensor watches them no longer")

    async def _enrich(self) -> None:
        """From the queue to the outlet, from the moment when events can be named and kept."""
        try:
            await self._outlet.open()
        finally:
            self._opened.set()
        if self._rules is not None:
            await self._load(self._rules)
        if self._metadata is not None:
            self._in_background(self._metadata.run())
            try:
                await asyncio.wait_for(self._metadata.answered.wait(), METADATA_S)
            except TimeoutError:
                log.warning("the task's metadata has not answered within %g s; events go without it", METADATA_S)
        await self._enricher.run(self._queue, self._outlet.put)

    async def _load(self, rules: RuleFeed) -> None:
        """The rules, before the first event is matched; the report of the start does not wait for them (40 ms)."""
        await self._reported.wait()
        if not await rules.start():
            self._beat()
        self._in_background(rules.run())

    async def _deliver(self) -> None:
        """Deliver until told to stop; nothing is left to do once nobody takes events any more."""
        if not await self._outlet.run():
            self._stop.set()

    async def _beats(self) -> None:
        try:
            await asyncio.sleep(0)  # the collectors are probed first
            await self._opened.wait()  # what a sensor before this one has lost is known then
            self._report(self._heartbeat.start)
        finally:
            self._reported.set()
        while True:
            await asyncio.sleep(self._settings.heartbeat)
            self._beat()

    async def _look_at_itself(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._own_process.look()

    def _governed(self, counters: Counters, clock: SystemClock) -> Governor:
        helpers = HelperUse(self._task.own_pids)
        return Governor(
            resolution=self._task.resolution,
            cpu_percent=self._settings.cpu_percent,
            memory_bytes=self._settings.memory_mb * MB + max(0, self._settings.spool_bytes - SPOOL_WITHIN),
            cores=lambda: self._task.cores,
            cpu_s=lambda: time.process_time() + helpers.cpu_s(),
            memory=TaskMemory(limit=lambda: self._memory_limit, helpers=helpers.memory),
            keep_less=self._keep_less,
            changed=self._beat,
            counters=counters,
            clock=clock,
        )

    async def _govern(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._settings.cpus is None:
                self._held_to = self._hidden_quota.look()
                self._task.cores = min(self._told_cores, self._held_to)
            self._governor.look()

    def _keep_less(self, less: bool) -> None:
        events = self._settings.queue_events
        self._queue.limit(max(1, events // LESS) if less else events)
        self._outlet.keep_less(less)

    def _beat(self) -> None:
        """None behind the end of the queue: what is lost from then on is told by the last report."""
        if not self._finishing:
            self._report(self._heartbeat.beat)

    def _health(self) -> dict[str, CollectorHealth]:
        """Of the collectors; of detection, which depends on what others wrote as rules; of what was done to us."""
        detection = {} if self._rules is None else {"detection": self._rules.health()}
        return {**self._supervisor.health(), **detection, **self._own_process.health()}

    def _report(self, make: Callable[[], Sequence[Event]]) -> None:
        for event in self._made(make):
            self._queue.emit(event)

    def _made(self, make: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        """Whoever has a report made goes on in any case: the supervisor of a collector that failed does it too."""
        try:
            return make()
        except Exception:
            log.exception("a report could not be made")
            return ()

    def _ask_ecs(self, clock: SystemClock) -> EcsMetadata | None:
        url = endpoint(os.environ)
        if url is None:
            return None
        metadata = EcsMetadata(url, learn=self._learn, clock=clock)
        self._names.ask_through(metadata.ask)
        return metadata

    def _learn(self, found: TaskMetadata) -> None:
        self._names.learn(found)
        self._task.declared = found.declared
        self._learn_size(found.cores, found.memory_bytes)

    def _learn_size(self, cores: float | None, memory_bytes: int | None = None) -> None:
        """What is said of the whole task; the cores that were set go first."""
        self._memory_limit = memory_bytes
        self._told_cores = self._settings.cpus or cores or self._told_cores
        self._task.cores = min(self._told_cores, self._held_to)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the rest until the end; what fails there is told and ends nothing else."""
        running = asyncio.create_task(work)
        self._background.add(running)
        running.add_done_callback(self._ended)
        return running

    def _ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled() and (error := running.exception()) is not None:
            log.error("%s has failed", running.get_coro(), exc_info=error)
