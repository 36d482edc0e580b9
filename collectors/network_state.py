"""What the collectors of the network have in common, made when the first of them runs: sockets, names, and the way out.

A connection is seen by its packets, by dumps and by its end; whoever sees it, it is one entry in one table.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from collectors.attribution import Attribution
from collectors.connection_attempts import ConnectionAttempts
from collectors.dns_names import DnsNames
from collectors.dns_telling import DnsTelling
from collectors.inet_diag import TCP, InetSocket
from collectors.late_reads import LateReads
from collectors.local_ports import ephemeral
from collectors.mounts import remote_mounts_in
from collectors.network_fold import NetworkFold
from collectors.network_storm import NetworkStorm
from collectors.network_telling import NetworkTelling
from collectors.network_tracker import NetworkTracker
from collectors.own_sockets import OwnSockets
from collectors.pace import OTHERS, CpuShare, Spent, cores_of_container
from collectors.procfs import Procfs
from collectors.proxies import Proxies
from collectors.resolvers import Resolvers
from collectors.socket_counts import opened
from collectors.socket_questions import SocketQuestions
from collectors.socket_table import Ends, Known, SocketTable
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.protocols import Emit, TaskView

_NOWHERE = bytes(16)


class NetworkParts:
    """The parts, wired. `emit` may be another one when a collector is run again."""

    def __init__(
        self,
        task: TaskView,
        emit: Emit,
        *,
        counters: Counters,
        clock: Clock,
        cores: Callable[[], float],
        spent: Spent,
        procfs: Procfs,
        loopback: bool,
        per_minute: int | None,
    ) -> None:
        self.emit = emit
        self.own = OwnSockets(procfs)
        self.own.watch()
        self.proxies = Proxies(clock)
        self.questions = SocketQuestions(counters, clock)
        self.storm = NetworkStorm(
            share=CpuShare(cores, OTHERS, clock, spent), opened=partial(opened, procfs), counters=counters, clock=clock
        )
        self.late = LateReads(clock)
        self.tapped = False
        """Whether packets are followed now, so that no dump is needed to see new connections."""
        self.lossy = False
        """Whether packets were lost since the last full dump."""
        self.catch_up: Callable[[], object] = do_nothing
        """Takes the packets that wait, within the share of CPU, so that an end is told with all that came before it."""
        self.retell: Callable[[Event], Event] = unchanged
        """What has to be said otherwise of events of dumps, where something else than a dump stands behind them."""
        self.table = table = SocketTable(counters)
        names = DnsNames(counters)
        fold = NetworkFold(self._emit, counters=counters, later=_later, per_minute=per_minute)
        resolvers = Resolvers(task.root_of, partial(remote_mounts_in, task, procfs), clock)
        self.telling = NetworkTelling(fold=fold, names=names, resolvers=resolvers, clock=clock)
        attribution = Attribution(task=task, find=self.questions.find, own=self.own, counters=counters, clock=clock)
        self.attempts = ConnectionAttempts(
            table=table,
            telling=self.telling,
            attribution=attribution,
            counters=counters,
            clock=clock,
            late=self.late,
        )
        self.dns = DnsTelling(
            table=table,
            telling=self.telling,
            attribution=attribution,
            own=self.own,
            names=names,
            counters=counters,
            clock=clock,
        )
        self.tracker = NetworkTracker(
            table=table,
            telling=self.telling,
            attribution=attribution,
            own=self.own,
            proxies=self.proxies,
            ending=self.attempts.ending,
            counters=counters,
            clock=clock,
            late=self.late,
            loopback=loopback,
            ephemeral=ephemeral(procfs),
            served=self._served,
        )

    def release(self) -> None:
        """A collector ends: tell what is folded and what went by, and let go of descriptors, which come back when they
        are needed."""
        self.attempts.flush()
        self.telling.flush()
        self.storm.tell()
        self.questions.close()

    def _emit(self, event: Event) -> bool:
        return self.emit(self.retell(event))

    def _served(self, sock: InetSocket) -> bool:
        """Whether a TCP listener serves the socket's local end."""
        found = self.questions.find(sock.family, TCP, Ends(sock.src, sock.src_port, _NOWHERE, 0))
        return found is not None and not found.dst_port


class NetworkState:
    """Hands out the parts, the same ones to each collector."""

    def __init__(
        self,
        *,
        counters: Counters,
        clock: Clock,
        cores: Callable[[], float] = cores_of_container,
        spent: Spent | None = None,
        procfs: Procfs | None = None,
        loopback: bool = False,
        per_minute: int | None = None,
    ) -> None:
        """`cores` are what the task has; what is used of them is added to `spent`. `loopback`: tell of connections over
        loopback too. `per_minute`: see `NetworkFold`."""
        self._counters = counters
        self._clock = clock
        self._cores = cores
        self._spent = spent or Spent()
        self.procfs = procfs or Procfs()
        self.loopback = loopback
        self._per_minute = per_minute
        self._parts: NetworkParts | None = None

    def listeners(self) -> list[Known]:
        """The TCP sockets of others than us that listen now, as far as collectors have seen them."""
        return [] if self._parts is None else self._parts.table.listeners()

    def parts(self, task: TaskView, emit: Emit) -> NetworkParts:
        """Needs the running loop."""
        if self._parts is None:
            self._parts = NetworkParts(
                task,
                emit,
                counters=self._counters,
                clock=self._clock,
                cores=self._cores,
                spent=self._spent,
                procfs=self.procfs,
                loopback=self.loopback,
                per_minute=self._per_minute,
            )
        self._parts.emit = emit
        return self._parts


def do_nothing() -> None:
    """Stands where nobody has said yet what to do."""


def unchanged(event: Event) -> Event:
    """Stands where there is nothing to be said otherwise."""
    return event


def _later(seconds: float, call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, call)
