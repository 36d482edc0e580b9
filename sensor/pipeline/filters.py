"""What the user does not want to hear of: dropped after enrichment, before it gets a number, and counted.

A filter is no loss. What the sensor says of itself, and detections, pass every filter.
"""

from collections.abc import Callable, Sequence
from fnmatch import translate
from re import compile as pattern
from typing import Protocol

from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Kind

EXEMPT = frozenset({Kind.DETECTION, Kind.SENSOR_START, Kind.SENSOR_HEARTBEAT, Kind.SENSOR_LOSS, Kind.SENSOR_STOP})

Matches = Callable[[Event], bool]


class FilterSettings(Protocol):
    """The settings that filters look at."""

    @property
    def drop_kinds(self) -> tuple[str, ...]: ...

    @property
    def drop_programs(self) -> tuple[str, ...]: ...

    @property
    def drop_paths(self) -> tuple[str, ...]: ...

    @property
    def drop_destinations(self) -> tuple[str, ...]: ...


class Filters:
    """Counts what it drops as `filtered.kind`, `filtered.program`, `filtered.path` and `filtered.destination`."""

    def __init__(self, settings: FilterSettings, counters: Counters) -> None:
        self._counters = counters
        self._checks: list[tuple[str, Matches]] = []
        if settings.drop_kinds:
            kinds = frozenset(settings.drop_kinds)
            self._checks.append(("filtered.kind", lambda event: event.kind in kinds))
        if settings.drop_programs:
            self._checks.append(("filtered.program", _by_program(settings.drop_programs)))
        if settings.drop_paths:
            self._checks.append(("filtered.path", _by_path(settings.drop_paths)))
        if settings.drop_destinations:
            self._checks.append(("filtered.destination", _by_destination(settings.drop_destinations)))

    def drop(self, event: Event) -> bool:
        """Whether the event goes no further; then it has been counted, with all that was folded into it."""
        if not self._checks or event.kind in EXEMPT:
            return False
        reason = next((reason for reason, matches in self._checks if matches(event)), None)
        if reason is None:
            return False
        self._counters.add(reason, event.count)
        return True


def _globs(globs: Sequence[str]) -> Callable[[str], bool]:
    """One expression for all; `*` also matches a slash."""
    matches = pattern("|".join(translate(glob) for glob in globs)).match
    return lambda text: matches(text) is not None


def _by_program(globs: Sequence[str]) -> Matches:
    matches = _globs(globs)
    return lambda event: event.process is not None and event.process.exe is not None and matches(event.process.exe)


def _by_path(globs: Sequence[str]) -> Matches:
    """A rename is dropped only where both of its names are unwanted."""
    matches = _globs(globs)

    def unwanted(event: Event) -> bool:
        file = event.file
        return file is not None and matches(file.path) and (file.old_path is None or matches(file.old_path))

    return unwanted


def _by_destination(texts: Sequence[str]) -> Matches:
    """The far end of what the task began; who connects to it is not filtered."""
    from sensor.model.ranges import parse_range  # ipaddress, which few sensors need

    ranges = [parse_range(text) for text in texts]

    def unwanted(event: Event) -> bool:
        network = event.network
        if network is None or network.direction != "outbound" or network.dst is None:
            return False
        return any(found.has(network.dst, network.dst_port) for found in ranges)

    return unwanted
