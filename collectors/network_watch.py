"""When to dump and when to listen: a round every second, rarer where it costs more, and the ends in between."""

import asyncio
import errno
import time
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import islice
from typing import Protocol

from collectors import network_events
from collectors.allowance import Allowance
from collectors.inet_diag import LISTEN, TCP, Decoded, InetSocket, is_unspecified, state_mask
from collectors.netlink_socket import KINDS, OPEN_STATES
from collectors.network_skip import server
from collectors.network_state import NetworkParts
from collectors.readiness import Rest, attend
from sensor.model.clock import Clock
from sensor.model.counters import Counters

PERIOD_S = 1.0
SHARE = 0.01
"""The part of one core that rounds should use: the more there is to dump, the rarer they become."""
LONGEST_S = 5.0
"""So rare they become at most: a burst of new sockets must not blind us for long."""
IDLE_S = 10.0
"""So long a round may be left out while the kernel's counts of sockets stand still."""
FULL_S = 60.0
"""So often all connections are dumped while packets tell of new ones; the rounds between ask for listeners and UDP."""
SLICE_S = 0.005
"""Work longer than this gives way to the loop."""
WAKES_PER_SECOND, WAKES_SAVED = 50, 100
"""How often an end may wake us at once, so that its time is right. Beyond it ends are read every `HOLD_OFF_S`."""
HOLD_OFF_S = 0.02
READS = 128
"""Ends taken in one go, some milliseconds' worth."""
MOST_GOES = 128
"""More ends than so many goes take do not fit into twice `netlink_socket.RECEIVE_BUFFER`, the most that is given."""


class Ends(Protocol):
    """The stream of destroyed sockets: `netlink_socket.DestroyedSockets`."""

    overflowed: bool

    def fileno(self) -> int: ...

    def receive(self) -> Decoded | None: ...

    def newly_dropped(self) -> int | None: ...


Dump = Callable[[int, int, int], Generator[Decoded, None, None]]
"""The sockets of a family and protocol in the states of a mask: `netlink_socket.dump`."""


_WAITING = state_mask(LISTEN)

Counts = Callable[[], object | None]
"""Something that is equal as long as no socket has come, None where that is not known: `socket_counts.counts`."""


class NetworkWatch:
    """One run of the collector. Without `ends`, what a dump does not show any more has ended unheard."""

    def __init__(
        self,
        *,
        parts: NetworkParts,
        dump: Dump,
        ends: Ends | None,
        counts: Counts,
        counters: Counters,
        clock: Clock,
        source: str,
        cpu_time: Callable[[], float] = time.thread_time,
    ) -> None:
        """`source` names the collector in what it tells of losses; `cpu_time` is in seconds, of this thread."""
        self._parts = parts
        self._tracker = parts.tracker
        self._dump = dump
        self._ends = ends
        self._counts = counts
        self._counters = counters
        self._clock = clock
        self._source = source
        self._cpu_time = cpu_time
        self._wakes = Allowance(per_second=WAKES_PER_SECOND, burst=WAKES_SAVED, clock=clock)
        self._slice_began = 0.0
        self._slice_cpu = 0.0
        self._busy = 0.0
        self._lost_ends = False
        self._to_forget = True  # until a round showed everything: sockets may have ended while nobody listened
        self._uncounted = True  # and none of them was counted by the kernel
        self._heard = False
        self._counted: object | None = None
        self._last_round = self._last_full = float("-inf")

    async def run(self) -> None:
        """Dump, then listen until the next dump is due, until cancelled. Raises OSError where every dump fails."""
        while True:
            began = self._clock.monotonic()
            self._busy = 0.0
            with self._parts.storm.share.working():
                self._parts.catch_up()  # an end that waits for its owner must not wait for the next packet as well
            self._parts.storm.look()
            if self.is_due():
                await self.round()
            rest, period = pauses(self._busy)
            await self._listen(began + rest, began + period)

    def is_due(self) -> bool:
        """Whether a round may show anything new, as far as the counts, the ends and the last round tell."""
        before, self._counted = self._counted, self._counts()
        changed = self._counted is None or self._counted != before
        if changed or self._heard or self._misses_ends() or self._tracker.unfinished:
            return True
        return self._clock.monotonic() - self._last_round >= IDLE_S

    async def round(self) -> None:
        """Dump what is needed, then find the owners of what is new. Each slice is followed by a turn of the loop."""
        self._last_round = self._clock.monotonic()
        self._begin_slice()
        self.hear()
        self._see_losses()
        self._heard = False
        full = self._needs_all()
        storm = self._parts.storm
        went_by = self._parts.tapped and (storm.unheard or bool(storm.skip))
        self._to_forget |= self._misses_ends() or self._ends is None
        self._uncounted |= storm.unheard
        if full:
            self._last_full, self._lost_ends, self._parts.lossy = self._last_round, False, False
            storm.unheard = False
        self._tracker.begin(full=full, went_by=went_by)
        failed = [error for kind in KINDS if (error := await self._see_all(*kind, full)) is not None]
        if len(failed) == len(KINDS):
            raise failed[0]
        await self._finish(whole=all(error.errno == errno.ENOENT for error in failed))
        while self._tracker.settle():
            await self._give_way()
        self._busy += self._cpu_time() - self._slice_cpu

    async def _finish(self, *, whole: bool) -> None:
        forget = whole and self._to_forget  # then all of them were dumped
        if forget:
            await self._hear_all()
        forgotten = self._tracker.finish(whole=whole, forget=forget)
        if forget:
            if self._uncounted and forgotten:  # after an overflow the kernel has counted them
                self._counters.lost("network_socket_forgotten", forgotten)
            self._to_forget = self._uncounted = False

    async def _hear_all(self) -> None:
        """What a dump does not show any more may have ended so lately that its end still waits to be heard."""
        for _ in range(MOST_GOES):
            if self.hear() < READS:
                return
            await self._give_way()

    def hear(self) -> int:
        """Take ends, `READS` messages at most, after all packets that came before them; how many were taken."""
        if self._ends is None:
            return 0
        heard = list(islice(iter(self._ends.receive, None), READS))
        read = self._clock.monotonic()
        if heard:
            self._heard = True
            with self._parts.storm.share.working():
                self._parts.catch_up()
                self._take(heard)
        if len(heard) < READS:
            self._see_losses()
            self._ends.overflowed = False
            self._parts.late.emptied(read)
        return len(heard)

    def _take(self, heard: list[Decoded]) -> None:
        for decoded in heard:
            self._count(decoded)
            for sock in decoded.sockets:
                if sock.protocol == TCP and not is_unspecified(sock.dst):
                    self._parts.storm.ended()
                if not self._skips(sock):
                    self._tracker.end(sock)

    def _skips(self, sock: InetSocket) -> bool:
        """Either end may be the server's; which one comes again and again shows it."""
        storm = self._parts.storm
        ends = server(sock.family, sock.src, sock.src_port), server(sock.family, sock.dst, sock.dst_port)
        storm.came(*ends)
        return bool(storm.skip) and storm.skips(sock.protocol or TCP, *ends)

    def _needs_all(self) -> bool:
        """Whether connections have to be dumped: while packets are followed and none is lost, nothing new is in it."""
        uncertain = self._misses_ends() or self._parts.lossy or self._ends is None or self._tracker.unfinished
        return uncertain or not self._parts.tapped or self._last_round - self._last_full >= FULL_S

    def _misses_ends(self) -> bool:
        return self._lost_ends or self._parts.storm.unheard

    async def _see_all(self, family: int, protocol: int, full: bool) -> OSError | None:
        states = OPEN_STATES[protocol] if full or protocol != TCP else _WAITING
        try:
            with closing(self._dump(family, protocol, states)) as dump:
                for decoded in dump:
                    self._count(decoded)
                    for sock in decoded.sockets:
                        self._tracker.see(sock, protocol)
                    await self._give_way()
        except OSError as error:
            if error.errno != errno.ENOENT:  # the kernel lacks the protocol, which `probe` has said
                self._counters.lost("network_dump_failed")
            return error
        return None

    async def _give_way(self) -> None:
        if self._clock.monotonic() - self._slice_began < SLICE_S:
            return
        self._busy += self._cpu_time() - self._slice_cpu
        await asyncio.sleep(0)
        self._begin_slice()
        self.hear()

    def _begin_slice(self) -> None:
        self._slice_began, self._slice_cpu = self._clock.monotonic(), self._cpu_time()

    async def _listen(self, soonest: float, regular: float) -> None:
        """Follow the ends until the next round is due: as soon as may be where some were lost."""

        due = regular

        def left() -> float:
            return (soonest if self._lost_ends else regular) - self._clock.monotonic()

        def turn() -> Rest | None:
            nonlocal due
            self._parts.late.waited(due)
            heard = self.hear()
            self._parts.storm.look()
            if (wait := left()) <= 0:
                return None
            listens = heard == READS or self._wakes.take(1)
            wait = wait if listens else min(wait, HOLD_OFF_S)
            due = self._clock.monotonic() + wait
            return Rest(wait, listens)

        if (wait := left()) <= 0:
            return
        if self._ends is None:
            await asyncio.sleep(wait)
        else:
            await attend(self._ends.fileno(), turn, Rest(wait))

    def _see_losses(self) -> None:
        """Tell what did not fit into the receive buffer; the kernel goes on dropping until all of it has been read."""
        if self._ends is None or not self._ends.overflowed:
            return
        self._lost_ends = True
        count = self._ends.newly_dropped()
        if count != 0:
            self._parts.storm.ended(count or 0)
            self._counters.lost("netlink_overflow", count or 1)
            self._parts.telling.put(network_events.lost("netlink_overflow", count, self._source, self._clock.wall()))

    def _count(self, decoded: Decoded) -> None:
        if decoded.malformed:
            self._counters.lost("netlink_malformed", decoded.malformed)


def pauses(busy: float) -> tuple[float, float]:
    """Seconds from the beginning of a round that used so much CPU to the next, after a loss and otherwise."""
    rest = min(busy / SHARE, LONGEST_S)
    return rest, max(rest, PERIOD_S)
