"""What the sensor's own senses say: each collector's probe, the processes it can read, the containers it can reach.

Made the way the sidecar makes them, with helpers for other users where it would have them; nothing is collected.
"""

import os
from collections.abc import Iterator, Sequence

from collectors import helper_launcher, rights
from collectors.container_reach import ContainerReach
from collectors.file_poll import NoNotices
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from collectors.registry import collectors
from collectors.task_view import Task
from collectors.trace_probe import probe
from collectors.watch_coverage import Coverage
from collectors.watch_limit import most_watches
from collectors.watch_paths import removed, watch_list
from collectors.watch_plan import plan
from collectors.watch_status import coverage_status
from collectors.watch_table import WatchTable
from sensor.config.settings import Settings, variable
from sensor.doctor.check import Check, degraded, ok, unavailable
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import ProcessGone
from sensor.model.protocols import HOST, Status, TaskView

NETWORK = "network_"
"""How the names of the collectors that see connections begin."""

MOST_NAMED = 5
MEND = "give the sensor SYS_PTRACE, or run it as root so that helpers can look as other users"


def checks(settings: Settings, seen: list[str]) -> Iterator[Check]:
    """All of this module. Starts and ends a launcher of helpers where it is needed. `seen` gets the containers' ids."""
    counters, clock = Counters(), SystemClock()
    asked = settings.process == "trace" or helper_launcher.is_needed()
    launcher = helper_launcher.start() if asked else None
    task = Task(instance="doctor", launcher=launcher, counters=counters, clock=clock, procfs=Procfs())
    try:
        senses = [Check(collector.name, collector.probe()) for collector in collectors(settings, task, counters, clock)]
        yield from senses
        yield from connections(senses)
        if settings.process != "trace":
            yield tracing(task.procfs)
        held = rights.effective(task.procfs.read("self/status", rights.STATUS_LIMIT)) or ()
        yield processes(_taken_in(task), may_trace=os.geteuid() == 0 and rights.SYS_PTRACE in held)
        seen += task.containers()
        yield from (container(task, container_id) for container_id in seen)
        if settings.files:
            yield watches(task, settings.file_paths, counters)
    finally:
        task.close()


def processes(found: list[Tracked], *, may_trace: bool) -> Check:
    """How many processes there are, and of which the program is closed to us. `may_trace`: root with SYS_PTRACE, which
    opens all that can be opened."""
    closed = [process for process in found if any(m.reason == "denied" for m in process.missing)]
    if not closed:
        return ok("processes", f"{len(found)} seen")
    which = [f"pid {process.pid} (uid {process.uid})" for process in closed[:MOST_NAMED]]
    others = f" and {len(closed) - MOST_NAMED} more" if len(closed) > MOST_NAMED else ""
    reason = f"{len(found)} seen; program or directory cannot be read of {', '.join(which)}{others}"
    return degraded("processes", reason, None if may_trace else MEND)


def connections(senses: Sequence[Check]) -> Iterator[Check]:
    """Which of the senses for connections are in use here; nothing where they are switched off."""
    ours = [check for check in senses if check.name.startswith(NETWORK)]
    used = [check.name for check in ours if check.capability.status in (Status.OK, Status.DEGRADED)]
    if used:
        yield ok("connections", f"seen by {' and '.join(used)}")
    elif ours:
        yield unavailable("connections", "seen by nothing", "see what mends any of the senses for them")


def tracing(procfs: Procfs) -> Check:
    """Whether SENSOR_PROCESS=trace could be used here, where it is not; `process_trace` says so where it is."""
    found = probe(procfs)
    if found.status is Status.OK:
        return ok("tracing", f"not asked for; it could run here ({variable('process')}=trace)")
    return ok("tracing", f"not asked for; it could not run here: {found.reason}", found.mend)


def container(task: TaskView, container_id: str) -> Check:
    """Whether the files of a container can be reached."""
    name = f"container {container_id[:12]}" if container_id != HOST else "files of the machine"
    if task.root_of(container_id) is not None:
        return ok(name, "its files can be reached")
    return unavailable(name, f"its files cannot be reached: {task.why_no_root(container_id)}", MEND)


def watches(task: TaskView, paths: Sequence[str], counters: Counters) -> Check:
    """How many watches the list takes in all containers together, and what would not be watched. Nothing is watched."""
    table = WatchTable(NoNotices(), most_watches(Procfs()))
    reach, planned = ContainerReach(task, Procfs()), plan(watch_list(paths))
    coverage = Coverage(plan=planned, table=table, reach=reach, counters=counters, removed=removed(paths))
    for container_id in task.containers():
        if container_id != task.left_out:
            reach.find_mounts(container_id)
            coverage.cover(container_id)
    found = coverage_status(table)
    used = f"{len(table)} of {table.limit} watches are needed"
    reason = f"{used}; {found.reason}" if found.reason else used
    return Check("file watches", found._replace(reason=reason))


def _taken_in(task: Task) -> list[Tracked]:
    """Every process there is, read and settled, so that its container is known."""
    found = []
    for pid in task.procfs.pids():
        try:
            process = task.track(pid)
            if process is None or process.own:
                continue
            task.read(process)
            task.settle(process)
        except ProcessGone:
            continue
        found.append(process)
    return found
