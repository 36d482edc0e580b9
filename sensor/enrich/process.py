"""The step that completes an event's process: what it turned out to be, and the chain above it."""

from typing import Protocol

from sensor.model.events import Ancestor, Container, Event, Missing, Process, with_field
from sensor.model.kinds import Kind

YOUNG_NS = 250_000_000
"""A process that was forked so shortly before the event may still have shown its parent's program then."""

_PROCESS = Event._fields.index("process")
_ANCESTORS = Process._fields.index("ancestors")

_TELLS_OF_PROCESS = frozenset({Kind.PROCESS_EXEC, Kind.PROCESS_EXIT, Kind.PROCESS_IDENTITY})


class Processes(Protocol):
    """What enrichment asks of the task's view (`collectors.task_view`)."""

    def settled(self, entity: str) -> bool:
        """False while the process may still be between fork and exec; True for the unknown and the dead."""
        ...

    def current(self, entity: str) -> Process | None:
        """The process as it is known by now, also if it has ended within the last minute."""
        ...

    def missing(self, entity: str) -> tuple[Missing, ...]:
        """What of a known process could not be read, and why."""
        ...

    def ancestors(self, entity: str) -> tuple[Ancestor, ...]:
        """The chain above a known process, nearest first."""
        ...

    def container_of(self, pid: int) -> str | None:
        """The container of a process that is alive or ended within the last minute."""
        ...


class ProcessStep:
    """Takes a young process as it is known now, since it is held until it has settled; older ones as they were told.

    Events that tell of the process itself are left as they are: they say what was true at their time.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def __call__(self, event: Event) -> Event:
        """The event with its process completed."""
        process = event.process
        if process is None:
            return event
        if event.kind not in _TELLS_OF_PROCESS:
            if _was_young(event, process):
                event = self._as_known_now(event, process)
                process = event.process or process
            event = self._with_missing(event, process)
        return event if process.ancestors else self._with_ancestors(event, process)

    def _as_known_now(self, event: Event, process: Process) -> Event:
        now = self._processes.current(process.entity)
        if now is None:
            return event
        evidence = event.evidence._replace(missing=_still_missing(event.evidence.missing, now))
        event = event._replace(process=now._replace(exit_code=process.exit_code), evidence=evidence)
        if event.container is None and (container_id := self._processes.container_of(process.pid)):
            event = event._replace(container=Container(container_id))
        return event

    def _with_missing(self, event: Event, process: Process) -> Event:
        """What is not there of the event's process, besides what the collector has named."""
        unread = self._processes.missing(process.entity)
        if not unread:
            return event
        named = {m.field for m in event.evidence.missing}
        more = tuple(m for m in _still_missing(unread, process) if m.field not in named)
        if not more:
            return event
        return event._replace(evidence=event.evidence._replace(missing=(*event.evidence.missing, *more)))

    def _with_ancestors(self, event: Event, process: Process) -> Event:
        above = self._processes.ancestors(process.entity)
        return with_field(event, _PROCESS, with_field(process, _ANCESTORS, above)) if above else event


def may_wait(event: Event) -> bool:
    """Whether an event will tell the same when it is completed a moment later. A young process may run another program
    by then, and is taken as it is known then."""
    process = event.process
    return process is None or event.kind in _TELLS_OF_PROCESS or not _was_young(event, process)


def _was_young(event: Event, process: Process) -> bool:
    """Unknown beginnings count as young, and so does a process of which nothing but its number was told."""
    if process.start is None or (process.exe is None and process.args is None):
        return True
    return event.time - process.start < YOUNG_NS


def _still_missing(missing: tuple[Missing, ...], process: Process) -> tuple[Missing, ...]:
    """Without the fields of the process that are known by now."""
    return tuple(
        m for m in missing if not m.field.startswith("process.") or getattr(process, m.field[8:], None) is None
    )
