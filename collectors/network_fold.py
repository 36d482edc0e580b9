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
"""Processes, destinations and questions that are told apart at once; where there are more the window ends early, so
that whoever makes many of them holds back nobody's first."""

_FOLDED = frozenset({Kind.NETWORK_CONNECT, Kind.NETWORK_FLOW, Kind.DNS_QUERY})
_SUMS = tuple(map(Network._fields.index, ("bytes_in", "bytes_out", "retransmits")))
_FACTS = tuple(n for n in range(len(Network._fields)) if n not in _SUMS)

_Key = tuple[object, ...]


class Folded:
    """Many events as one: the last one, with the sums of counts and bytes, and without what differs between them."""

    __slots__ = ("_alike", "_count", "_first", "_last", "_missing", "_sums")

    def __init__(self, event: Event, network: Network) -> None:
        """`network` is the event's own, here and in `add`."""
        self._last = event
        self._first = network
        self._count = event.count
        self._alike = list(_FACTS)
        self._sums = [network[n] for n in _SUMS]
        self._missing = {missing.field: missing for missing in event.evidence.missing}

    def add(self, event: Event, network: Network) -> None:
        """One more, of which there may be thousands: all that is made is made in `event`."""
        first = self._first
        self._last = event
        self._count += event.count
        self._alike = [n for n in self._alike if network[n] == first[n]]
        self._sums = [_sum(total, network[n]) for total, n in zip(self._sums, _SUMS, strict=True)]
        if event.evidence.missing:
            self._missing.update((missing.field, missing) for missing in event.evidence.missing)

    def event(self) -> Event:
        """All of them."""
        facts: list[Any] = list(self._first)
        for n, total in zip(_SUMS, self._sums, strict=True):
            facts[n] = total
        missing = dict(self._missing)
        for n in set(_FACTS).difference(self._alike):
            field = f"network.{Network._fields[n]}"
            facts[n] = () if field == "network.marks" else None
            missing[field] = Missing(field, "differs among those folded")
        return self._last._replace(
            count=self._count,
            network=Network(*facts),
            evidence=self._last.evidence._replace(missing=tuple(missing.values())),
        )


@dataclass(slots=True, eq=False)
class _Window:
    """What came of one key: how many were told singly, and those folded since."""

    told: int = 0
    folded: Folded | None = None


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
        if len(self._windows) >= MOST:
            self.flush()
        sort = _sort(event, network)
        whole = self._window(sort)
        key = (*sort, network.dst, network.dst_port)
        crowded = whole.told >= ANY_DESTINATION * self._per_minute
        one = self._windows.get(key) if crowded else self._window(key)
        if one is not None and one.told < self._per_minute and not crowded:
            one.told += event.count
            whole.told += event.count
            self._emit(event)
        else:
            self._fold(one or whole, event, network)

    def flush(self) -> None:
        """The end of the window: tell what was folded in it."""
        windows, self._windows = self._windows, {}
        for window in windows.values():
            if window.folded is not None:
                self._emit(window.folded.event())

    def _window(self, key: _Key) -> _Window:
        return self._windows.setdefault(key, _Window())

    def _fold(self, window: _Window, event: Event, network: Network) -> None:
        if window.folded is None:
            window.folded = Folded(event, network)
        else:
            window.folded.add(event, network)
            self._counters.add("network_folded", event.count)

    def _wake_later(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._later(WINDOW_S, self._end)

    def _end(self) -> None:
        self._waiting = False
        self.flush()


def _sort(event: Event, network: Network) -> _Key:
    """What events must have in common to be folded, whatever the destination: of a DNS query, all that it tells."""
    process = event.process.entity if event.process else None
    port = network.src_port if network.direction == "inbound" else None
    way = (network.direction, network.transport, network.outcome, network.scope, network.marks, port)
    return (event.kind, process, *way, event.dns)


def _sum(one: Any, other: Any) -> int | None:
    return None if one is None or other is None else one + other
