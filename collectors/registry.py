"""The collectors by name, each made only when it is wanted: what is switched off costs no memory."""

from collections.abc import Callable, Mapping
from typing import Protocol

from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.protocols import Collector


class CollectorSettings(Protocol):
    """The settings that collectors look at, by the names they have in the configuration."""

    @property
    def process(self) -> str: ...

    @property
    def files(self) -> bool: ...

    @property
    def file_paths(self) -> tuple[str, ...]: ...

    @property
    def file_hashes(self) -> bool: ...

    @property
    def network(self) -> bool: ...

    @property
    def network_loopback(self) -> bool: ...


Factory = Callable[[CollectorSettings, Task, Counters, Clock], Collector | None]


def collectors(settings: CollectorSettings, task: Task, counters: Counters, clock: Clock) -> list[Collector]:
    """Those that the settings ask for; processes first, since the others ask for owners."""
    made = (factory(settings, task, counters, clock) for factory in FACTORIES.values())
    return [collector for collector in made if collector is not None]


def _process_cursor(_settings: CollectorSettings, task: Task, counters: Counters, clock: Clock) -> Collector | None:
    from collectors.process_cursor import ProcessCursor

    return ProcessCursor(processes=task, counters=counters, clock=clock)


def _file_inotify(settings: CollectorSettings, task: Task, counters: Counters, clock: Clock) -> Collector | None:
    if not settings.files:
        return None
    from collectors.file_inotify import FileInotify

    return FileInotify(
        counters=counters,
        clock=clock,
        paths=settings.file_paths,
        hashes=task.executables if settings.file_hashes else None,
        cores=lambda: task.cores,
    )


def _network_sockdiag(settings: CollectorSettings, _task: Task, counters: Counters, clock: Clock) -> Collector | None:
    if not settings.network:
        return None
    from collectors.network_sockdiag import NetworkSockdiag

    return NetworkSockdiag(counters=counters, clock=clock, loopback=settings.network_loopback)


FACTORIES: Mapping[str, Factory] = {
    "process_cursor": _process_cursor,
    "network_sockdiag": _network_sockdiag,
    "file_inotify": _file_inotify,
}
