"""Folds connections, flows and DNS queries that come too often into one event a window, by process and destination.

In each window the first events between a process and a destination go out as they are; those that follow are one event
at the end of the window, with their `count` and the sum of their bytes. A process that talks to many destinations, such
as a scanner, is folded in the same way as a whole, whatever the destination. Nothing is left out: the counts add up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sensor.model.counters import Counters
from sensor.model.events import Event, Missing, Network
from sensor.model.kinds import Kind
from sensor.model.protocols import Emit

PER_MINUTE = 30
"""Events of one process and destination that go out singly in a minute."""
ANY_DESTINATION = 10
"""So many times as many may go out of one process, to all of its destinations together."""
WINDOW_S = 60.0
MOST = 2_048
"""Processes and destinations that are told apart in one window; beyond it a process's destinations are one."""

_FOLDED = frozenset({Kind.NETWORK_CONNECT, Kind.NETWORK_FLOW, Kind.DNS_QUERY})
_SUMS = frozenset({"bytes_in", "bytes_out", "retransmits"})

_Key = tuple[object, ...]


@dataclass(slots=True, eq=False)
class _Window:
    """What came of one key: how many were told singly, and those folded since, as one event."""

    told: int = 0
    folded: Event | None = None


class NetworkFold:
    """`put` events in; `emit` gets them, later and fewer, with the same sum of counts and bytes."""

    def __init__(
        self,
        emit: Emit,
        *,
        counters: Counters,
        later: Callable[[float, Callable[[], None]], object],
        per_minute: int | None = PER_MINUTE,
    ) -> None:
        """`later` calls back after so many seconds. `per_minute` None folds nothing."""
        self._emit = emit
        self._counters = counters
        self._later = later
        self._per_minute = per_minute
        self._windows: dict[_Key, _Window] = {}
        self._waiting = False

    def put(self, event: Event) -> None:
        """Emit the event now, or fold it."""
        network = event.network
        if self._per_minute is None or network is None or event.kind not in _FOLDED:
            self._emit(event)
            return
        self._wake_later()
        sort = _sort(event, network)
        whole = self._window(sort)
        key = (*sort, network.dst, network.dst_port)
        crowded = whole.told >= ANY_DESTINATION * self._per_minute or len(self._windows) >= MOST
        one = self._windows.get(key) if crowded else self._window(key)
        if one is not None and one.told < self._per_minute and not crowded:
            one.told += event.count
            whole.told += event.count
            self._emit(event)
        else:
            self._fold(one or whole, event)

    def flush(self) -> None:
        """The end of the window: tell what was folded in it."""
        windows, self._windows = self._windows, {}
        for window in windows.values():
            if window.folded is not None:
                self._emit(window.folded)

    def _window(self, key: _Key) -> _Window:
        return self._windows.setdefault(key, _Window())

    def _fold(self, window: _Window, event: Event) -> None:
        before = window.folded
        window.folded = event if before is None else merged(before, event)
        self._counters.add("network_folded", event.count if before else 0)

    def _wake_later(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._later(WINDOW_S, self._end)

    def _end(self) -> None:
        self._waiting = False
        self.flush()


def merged(before: Event, event: Event) -> Event:
    """Two events as one: the later one, with the sums of counts and bytes, and without what differs between them."""
    one, other = before.network, event.network
    if one is None or other is None:
        return event._replace(count=before.count + event.count)
    facts: dict[str, Any] = {name: _sum(getattr(one, name), getattr(other, name)) for name in _SUMS}
    differing = [
        name
        for name, first, second in zip(Network._fields, one, other, strict=True)
        if name not in _SUMS and first != second
    ]
    facts |= {name: () if name == "marks" else None for name in differing}
    missing = {m.field: m for m in (*before.evidence.missing, *event.evidence.missing)}
    missing |= {f"network.{name}": Missing(f"network.{name}", "differs among those folded") for name in differing}
    return event._replace(
        count=before.count + event.count,
        network=other._replace(**facts),
        evidence=event.evidence._replace(missing=tuple(missing.values())),
    )


def _sort(event: Event, network: Network) -> _Key:
    """What events must have in common to be folded, whatever the destination: of a DNS query, all that it tells."""
    process = event.process.entity if event.process else None
    port = network.src_port if network.direction == "inbound" else None
    way = (network.direction, network.transport, network.outcome, network.scope, network.marks, port)
    return (event.kind, process, *way, event.dns)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
