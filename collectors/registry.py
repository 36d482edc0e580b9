"""The collectors by name, each made only when it is wanted: what is switched off costs no memory."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from collectors.task_view import Task
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.protocols import Collector

if TYPE_CHECKING:
    from collectors.network_state import NetworkState


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

    @property
    def network_fold(self) -> bool: ...

    @property
    def network_rate(self) -> int: ...

    @property
    def posture(self) -> bool: ...


class Wiring:
    """What collectors are made with; some of it they share."""

    def __init__(self, settings: CollectorSettings, task: Task, counters: Counters, clock: Clock) -> None:
        self.settings = settings
        self.task = task
        self.counters = counters
        self.clock = clock

    @cached_property
    def network(self) -> "NetworkState":
        """Of all collectors of the network together."""
        from collectors.network_state import NetworkState

        return NetworkState(
            counters=self.counters,
            clock=self.clock,
            cores=lambda: self.task.cores,
            spent=self.task.spent,
            loopback=self.settings.network_loopback,
            per_minute=self.settings.network_rate if self.settings.network_fold else None,
        )


Factory = Callable[[Wiring], Collector | None]


def collectors(settings: CollectorSettings, task: Task, counters: Counters, clock: Clock) -> list[Collector]:
    """Those that the settings ask for; processes first, since the others ask for owners."""
    wiring = Wiring(settings, task, counters, clock)
    made = (factory(wiring) for factory in FACTORIES.values())
    return [collector for collector in made if collector is not None]


def _process_cursor(wiring: Wiring) -> Collector | None:
    from collectors.process_cursor import ProcessCursor

    return ProcessCursor(processes=wiring.task, counters=wiring.counters, clock=wiring.clock)


def _process_trace(wiring: Wiring) -> Collector | None:
    if wiring.settings.process != "trace":
        return None
    from collectors.process_trace import ProcessTrace

    return ProcessTrace(processes=wiring.task, counters=wiring.counters, clock=wiring.clock)


def _file_inotify(wiring: Wiring) -> Collector | None:
    settings, task = wiring.settings, wiring.task
    if not settings.files:
        return None
    from collectors.file_inotify import FileInotify

    return FileInotify(
        counters=wiring.counters,
        clock=wiring.clock,
        paths=settings.file_paths,
        hashes=task.executables if settings.file_hashes else None,
        cores=lambda: task.cores,
        spent=task.spent,
    )


def _network_sockdiag(wiring: Wiring) -> Collector | None:
    if not wiring.settings.network:
        return None
    from collectors.network_sockdiag import NetworkSockdiag

    return NetworkSockdiag(state=wiring.network, counters=wiring.counters, clock=wiring.clock)


def _network_taps(wiring: Wiring) -> Collector | None:
    if not wiring.settings.network:
        return None
    from collectors.network_taps import NetworkTaps

    return NetworkTaps(state=wiring.network, counters=wiring.counters, clock=wiring.clock)


def _network_procfs(wiring: Wiring) -> Collector | None:
    """Stands by while sock_diag answers, which its probe asks again whenever the supervisor does (ADR 0013)."""
    if not wiring.settings.network:
        return None
    from collectors.network_procfs import NetworkProcfs

    return NetworkProcfs(state=wiring.network, counters=wiring.counters, clock=wiring.clock)


def _posture(wiring: Wiring) -> Collector | None:
    if not wiring.settings.posture:
        return None
    from collectors.posture import PostureWatch

    if not wiring.settings.network:
        return PostureWatch(task=wiring.task, clock=wiring.clock)
    return PostureWatch(task=wiring.task, clock=wiring.clock, listeners=wiring.network.listeners)


FACTORIES: Mapping[str, Factory] = {
    "process_cursor": _process_cursor,
    "process_trace": _process_trace,
    "network_taps": _network_taps,
    "network_sockdiag": _network_sockdiag,
    "network_procfs": _network_procfs,
    "file_inotify": _file_inotify,
    "posture": _posture,
}
"""In the order in which they start."""
