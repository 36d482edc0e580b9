"""Connections from /proc/net where the kernel answers no sock_diag dump: the fallback.

Looks a second apart, rarer where they cost more, show listeners and what is open; what two looks in a row have missed
has ended. So a connection that is shorter than a second may go by unseen, nothing counts bytes, nobody tells how an
attempt failed, and a duration is right to about two seconds. Each of these is None and named in `evidence.missing`.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Generator, Iterator
from itertools import count

from collectors import sockdiag_probe
from collectors.inet_diag import Decoded
from collectors.netlink_socket import KINDS, OPEN_STATES
from collectors.network_events import DESTROY, DUMP
from collectors.network_state import NetworkState, unchanged
from collectors.network_watch import NetworkWatch
from collectors.procfs import Procfs
from collectors.socket_counts import Counts, counts
from collectors.socket_sightings import GoneSockets, SocketSightings
from collectors.socket_tables import NAMES, decode
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Event, Missing
from sensor.model.protocols import Capability, Emit, Status, TaskView

SOURCE = "proc_net"
"""Value of `evidence.source`."""

IN_USE = "network_sockdiag is in use"
MEND = "a kernel with CONFIG_INET_DIAG, and a seccomp profile that allows AF_NETLINK"

ASK_S = 60.0
"""Between two questions whether sock_diag answers by now."""

_OPEN = {protocol: {n for n in range(32) if mask >> n & 1} for protocol, mask in OPEN_STATES.items()}
_NOT_COUNTED = {field: Missing(field, "not in /proc/net") for field in ("network.bytes_in", "network.bytes_out")}


class NetworkProcfs:
    """`network.listen`, `network.connect` and `network.flow` from the tables of sockets in /proc/net."""

    name = "network_procfs"

    def __init__(
        self,
        *,
        state: NetworkState,
        counters: Counters,
        clock: Clock,
        needed: Callable[[], bool] = lambda: not sockdiag_probe.answers(),
    ) -> None:
        """`needed`: whether nothing better sees connections here."""
        self._state = state
        self._procfs = state.procfs
        self._counters = counters
        self._clock = clock
        self._needed = needed
        self._cookies = count(1)  # of all runs: what an earlier one has shown may still be remembered

    def probe(self) -> Capability:
        """Standing by while sock_diag answers; else how much the tables show."""
        if not self._needed():
            return Capability(Status.STANDBY, IN_USE)
        try:
            self._procfs.read(NAMES[KINDS[0]], limit=1)
        except (ProcessGone, AccessDenied) as error:
            return Capability(Status.UNAVAILABLE, str(error), "mount /proc in the sensor")
        reason = "open sockets from /proc/net, looked at each second: short connections are not seen, bytes not counted"
        return Capability(Status.DEGRADED, reason, MEND)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Watch the sockets of this network namespace until cancelled, or until something better does.

        Raises OSError where no table can be read.
        """
        parts = self._state.parts(task, emit)
        looks = SocketLooks(self._procfs, self._counters, self._cookies)
        parts.retell = _from_tables
        watch = NetworkWatch(
            parts=parts,
            dump=looks.dump,
            ends=looks.gone,
            counts=looks.counts,
            counters=self._counters,
            clock=self._clock,
            source=self.name,
        )
        watching = asyncio.create_task(watch.run())
        try:
            while not (await asyncio.wait({watching}, timeout=ASK_S))[0] and self._needed():
                pass
        finally:
            watching.cancel()
            ended = await asyncio.gather(watching, return_exceptions=True)
            parts.release()
            parts.retell = unchanged
            looks.gone.close()
        if isinstance(ended[0], Exception):
            raise ended[0]


class SocketLooks:
    """The tables in the form of dumps: with something to know a socket by, and a stream of those that are gone."""

    def __init__(self, procfs: Procfs, counters: Counters, cookies: Iterator[int]) -> None:
        """`cookies` numbers the sockets."""
        self._procfs = procfs
        self._counters = counters
        self._sightings: dict[tuple[int, int], SocketSightings] = {
            kind: SocketSightings(*kind, cookies=cookies, counters=counters) for kind in KINDS
        }
        self.gone = GoneSockets()

    def dump(self, family: int, protocol: int, _states: int = 0) -> Generator[Decoded, None, None]:
        """The open sockets, some 30 at a time, which is what one read gives. Raises OSError where there is no table.

        Always all of them, since what is absent has ended. A machine without IPv6 has no table of it, and no such
        sockets.
        """
        sightings = self._sightings[family, protocol]
        states = _OPEN[protocol]
        sightings.begin()
        for found in self._read(family, protocol):
            if found.malformed:
                self._counters.lost("socket_table_malformed", found.malformed)
            known = map(sightings.see, (sock for sock in found.sockets if sock.state in states))
            yield Decoded([sock for sock in known if sock is not None])
        self.gone.add(sightings.finish())

    def counts(self) -> Counts | None:
        """As `socket_counts.counts`; None, so that the next look comes soon, while the last one is to be confirmed."""
        if any(sightings.unsure for sightings in self._sightings.values()):
            return None
        return counts(self._procfs)

    def _has(self, name: str) -> bool:
        try:
            self._procfs.read(name, limit=1)
        except (ProcessGone, AccessDenied):
            return False
        return True

    def _read(self, family: int, protocol: int) -> Generator[Decoded, None, None]:
        rest = b""
        try:
            for piece in self._procfs.pieces(NAMES[family, protocol]):
                lines, _, rest = (rest + piece).rpartition(b"\n")
                yield decode(lines, family, protocol)
        except ProcessGone as error:
            if family == socket.AF_INET or not self._has(NAMES[socket.AF_INET, protocol]):
                raise OSError(errno.EIO, str(error)) from None
        except AccessDenied as error:
            raise OSError(errno.EACCES, str(error)) from None
        yield decode(rest, family, protocol)


def _from_tables(event: Event) -> Event:
    """The event with where it comes from, and why bytes are missing here; what packets told is left as it is."""
    if event.evidence.source not in (DUMP, DESTROY):
        return event
    missing = tuple(_NOT_COUNTED.get(entry.field, entry) for entry in event.evidence.missing)
    return event._replace(evidence=event.evidence._replace(source=SOURCE, missing=missing))
