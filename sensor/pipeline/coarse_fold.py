"""Folding harder: while the budget runs low, what happens again in nearly the same way becomes one event.

That is: to the same file, peer or name; or a program with the same arguments but for numbers and identifiers in them.

The first goes out at once. Those of the next `WINDOW_S` are held and leave as one, with their `count` and the sum of
their bytes; it names the process of the last one. What a person runs in a session is never held.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from sensor.model.clock import Later
from sensor.model.counters import Counters
from sensor.model.events import Event, Missing, Network, Process
from sensor.model.kinds import Kind

WINDOW_S = 60.0
MOST = 1_024
"""Things that are watched at once; what comes beyond them goes out as it is."""

MOST_ARGS, LONGEST_ARG = 32, 256
"""Arguments, and characters of each, that are compared."""

_SUMS = frozenset({"network.bytes_in", "network.bytes_out", "network.retransmits"})

_VARYING = re.compile(r"\b[0-9a-f]{8,}\b|[0-9]+", re.ASCII | re.IGNORECASE)

PROCESSES = frozenset({Kind.PROCESS_EXEC, Kind.PROCESS_EXIT})

FOLDED = frozenset(
    {
        Kind.PROCESS_EXEC,
        Kind.PROCESS_EXIT,
        Kind.FILE_CREATE,
        Kind.FILE_MODIFY,
        Kind.FILE_DELETE,
        Kind.FILE_ATTRIBUTES,
        Kind.FILE_OPEN,
        Kind.NETWORK_CONNECT,
        Kind.NETWORK_FLOW,
        Kind.DNS_QUERY,
    }
)


@dataclass(slots=True)
class _Window:
    """What has come since its first event, None while nothing has."""

    held: Event | None = None


class CoarseFold:
    """`put` events in; `release` gets them out again, fewer, with the same sum of counts. Counts `folded_harder`."""

    def __init__(
        self, *, wanted: Callable[[], bool], release: Callable[[Event], None], counters: Counters, later: Later
    ) -> None:
        self._wanted = wanted
        self._release = release
        self._counters = counters
        self._later = later
        self._windows: dict[Hashable, _Window] = {}

    def put(self, event: Event) -> None:
        """Release the event now, or hold it."""
        if not _may_be_held(event) or not (self._windows or self._wanted()):
            self._release(event)
            return
        key = _key(event)
        window = self._windows.get(key)
        if window is None:
            if self._wanted() and len(self._windows) < MOST:
                self._windows[key] = _Window()
                self._later(WINDOW_S, lambda: self._close(key))
            self._release(event)
            return
        if window.held is not None:
            self._counters.add("folded_harder", window.held.count)
            event = _together(window.held, event)
        window.held = event

    def flush(self) -> None:
        """Release all that is held."""
        for key in list(self._windows):
            self._close(key)

    def _close(self, key: Hashable) -> None:
        window = self._windows.pop(key, None)
        if window is not None and window.held is not None:
            self._release(window.held)


def _may_be_held(event: Event) -> bool:
    if event.kind not in FOLDED or event.links:
        return False
    process = event.process
    if process is None or event.kind not in PROCESSES:
        return True
    return process.session != "exec" and process.exe is not None


def _key(event: Event) -> Hashable:
    """What makes two events tell of the same thing."""
    container = event.container and event.container.id
    process = event.process
    program = process and (_run(process) if event.kind in PROCESSES else process.exe)
    file = event.file and event.file.path
    network = event.network
    peer = network and (network.direction, network.transport, network.dst, network.outcome, _service(network))
    question = event.dns and (event.dns.question, event.dns.type, event.dns.rcode, event.dns.answers)
    return event.kind, container, program, file, peer, question


def _run(process: Process) -> Hashable:
    """A program as it is run again and again: `gzip /srv/jobs/7.tmp` is as `gzip /srv/jobs/8.tmp`.

    Runs of which nothing but the program is known tell nothing that would be lost.
    """
    args = process.args and tuple(_VARYING.sub("0", arg[:LONGEST_ARG]) for arg in process.args[:MOST_ARGS])
    above = tuple(ancestor.exe for ancestor in process.ancestors)
    return process.exe, args, process.uid, process.sha256, process.drift, process.exit_code, above


def _service(network: Network) -> int | None:
    """The port that stays the same: the far one of what the task began, its own of what came in."""
    return network.dst_port if network.direction == "outbound" else network.src_port


def _together(before: Event, event: Event) -> Event:
    """The later event with the counts and sums of both, and why there is no sum where one of them has none."""
    network, evidence = event.network, event.evidence
    if network is not None and before.network is not None:
        network = network._replace(
            bytes_in=_sum(before.network.bytes_in, network.bytes_in),
            bytes_out=_sum(before.network.bytes_out, network.bytes_out),
            retransmits=_sum(before.network.retransmits, network.retransmits),
        )
        missing = {entry.field: entry for entry in (*_of_sums(before), *evidence.missing)}
        evidence = evidence._replace(missing=tuple(missing.values()))
    return event._replace(count=before.count + event.count, network=network, evidence=evidence)


def _of_sums(event: Event) -> list[Missing]:
    return [entry for entry in event.evidence.missing if entry.field in _SUMS]


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
