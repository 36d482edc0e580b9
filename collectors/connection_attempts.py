"""Connections from their first packet on: who opens them, and what answer they get. No I/O of its own.

A SYN that leaves is looked up at once, since its process may be gone in a millisecond. One that comes in has an owner
only once it was accepted, so it is looked up a little later. A connection is told when its answer has come, or has not
for half a second. Its end is the matter of `network_tracker`, which finds in the table what was known of it.
"""

from collections import deque
from collections.abc import Callable

from collectors.attribution import Attribution
from collectors.inet_diag import TCP, is_loopback
from collectors.late_reads import LateReads
from collectors.network_telling import Moment, NetworkTelling
from collectors.packet_filter import RST
from collectors.packet_headers import Segment
from collectors.socket_table import INBOUND, OUTBOUND, Ends, Known, SocketTable, reverse
from sensor.model.clock import Clock, until_together
from sensor.model.counters import Counters

LOOK_S = (0.02, 0.1, 0.3, 0.5)
"""How long after its first packet a connection is looked at again, while its owner or its answer is not known: for the
first time only where a process may be found that was not there at once. The others wait for `clock.TOGETHER_S`."""
ORPHAN_S = 0.5
"""So long the end of a connection waits for an owner."""
MOST_PENDING = 4_096
"""Connections that wait at once, of either sort; beyond it the oldest is told as it is."""


class ConnectionAttempts:
    """Fed with segments; `settle` is called when `next_due` says. Times are monotonic, in seconds."""

    def __init__(
        self,
        *,
        table: SocketTable,
        telling: NetworkTelling,
        attribution: Attribution,
        counters: Counters,
        clock: Clock,
        late: LateReads,
    ) -> None:
        self._table = table
        self._telling = telling
        self._attribution = attribution
        self._counters = counters
        self._clock = clock
        self._late = late
        self._waiting: tuple[deque[Known], ...] = tuple(deque() for _ in LOOK_S)
        self._orphans: deque[tuple[float, Known, Callable[[], None]]] = deque()

    def opened(self, segment: Segment, moment: Moment, *, sent: bool, within: bool) -> None:
        """A SYN. `within`: over loopback, so that both ends are the task's."""
        ours = Ends(segment.src, segment.src_port, segment.dst, segment.dst_port)
        if sent:
            self._begin(segment.family, ours, OUTBOUND, moment)
        if (within or not sent) and reverse(ours) != ours:  # a socket that connects to itself has one end
            self._begin(segment.family, reverse(ours), INBOUND, moment)

    def redirected(self, segment: Segment, moment: Moment) -> None:
        """A SYN with ACK from an address to which no packet goes, since netfilter redirects them to a proxy: it is the
        first one that has the ends of the app's socket (nat/OUTPUT, as ECS Service Connect sets it up)."""
        ends = Ends(segment.dst, segment.dst_port, segment.src, segment.src_port)
        if self._table.at(TCP, ends) is None:
            self._begin(segment.family, ends, OUTBOUND, moment)

    def answered(self, segment: Segment, time: int | None = None) -> None:
        """A SYN with ACK, or a RST, whoever sent it, and when it came by, in ns since 1970 as the kernel has it."""
        ours = Ends(segment.src, segment.src_port, segment.dst, segment.dst_port)
        for ends, is_sender in ((ours, True), (reverse(ours), False)):
            known = self._table.at(TCP, ends)
            if known is None or (time is not None and known.at is not None and time < known.at):
                continue  # it answered whoever had these ends before
            if segment.flags & RST:
                _break(known, by_itself=is_sender)
                self._table.aborted(known)
            elif known.direction == OUTBOUND:
                known.established = True
            else:
                known.offered = True  # by ourselves; whether the other end takes it is not known yet

    def answers_lost(self) -> None:
        """Packets were lost: of what waits for an answer it is not known whether one came."""
        for waiting in self._waiting:
            for known in waiting:
                known.unsure = True

    def settle(self) -> None:
        """Look again at what is due, and tell what is known by now or has waited long enough."""
        now = self._clock.monotonic()
        self._table.forget_loose(now)
        for stage, waiting in enumerate(self._waiting):
            while waiting and _since(waiting[0]) + LOOK_S[stage] <= now:
                known = waiting.popleft()
                if not known.told and not known.own and not self._concluded(known, stage):
                    self._waiting[stage + 1].append(known)
        while self._orphans and self._orphans[0][0] <= now:
            self._adopt()

    def ending(self, known: Known, tell_end: Callable[[], None]) -> None:
        """A connection that was seen from its first packet on has ended: it is told, if it was not yet, and its end.

        Where its owner is not known that waits a little: the next connection to the same destination may show it.
        """
        self._attribution.fall_back(known, is_over=True)
        if known.owner is None and len(self._orphans) < MOST_PENDING:
            self._orphans.append((self._clock.monotonic() + ORPHAN_S, known, tell_end))
        else:
            self._tell(known, tell_end)

    def flush(self) -> None:
        """Tell at once of what has ended and still waits for an owner."""
        while self._orphans:
            self._adopt()

    def next_due(self) -> float | None:
        """When `settle` has something to do. What has ended meanwhile is let go of: nobody is to wake up for it."""
        for waiting in self._waiting:
            while waiting and (waiting[0].told or waiting[0].own):
                waiting.popleft()
        first, *later = self._waiting
        together = [_since(w[0]) + wait for w, wait in zip(later, LOOK_S[1:], strict=True) if w]
        together += [self._orphans[0][0]] if self._orphans else []
        due = [_since(first[0]) + LOOK_S[0]] if first else []
        if together:
            soonest = min(together)
            due.append(soonest + until_together(soonest))
        return min(due, default=None)

    def _begin(self, family: int, ends: Ends, direction: str, moment: Moment) -> None:
        known = self._table.at(TCP, ends)
        if known is not None and known.at is not None and not (known.established or known.refused or known.reset):
            return  # the same SYN again
        if known is None or known.at is not None or (known.established and known.shown < moment.monotonic):
            known = Known(family, TCP, ends, None, direction=direction)
            self._table.add_loose(known)
        known.since, known.at, known.direction = moment.monotonic, moment.wall, direction
        known.opened_late = self._late.waited(moment.monotonic)
        is_there = direction == INBOUND or self._look_up(known)
        if known.own:
            self._counters.add("own_sockets")
            return
        self._waiting[0 if is_there and known.owner is None else 1].append(known)
        if sum(map(len, self._waiting)) > MOST_PENDING:
            oldest = next(waiting for waiting in reversed(self._waiting) if waiting).popleft()
            if not oldest.told and not oldest.own:
                self._conclude(oldest)

    def _look_up(self, known: Known) -> bool:
        """Learn its owner and state, and its cookie, under which its end will be told; whether its socket is there."""
        sock = self._attribution.look_up(known)
        if sock is not None:
            self._table.attach(sock.cookie, known)
        return sock is not None

    def _concluded(self, known: Known, stage: int) -> bool:
        """Whether it was told, or turned out to be the sensor's own."""
        is_replaced = self._table.at(TCP, known.ends) not in (known, None)  # its ends are another's by now
        if not is_replaced and (known.owner is None or not (known.established or known.refused)):
            self._look_up(known)
        if known.own:
            self._counters.add("own_sockets")
            return True
        last = stage == len(LOOK_S) - 1
        answered = known.established or known.refused or known.reset
        if last or (answered and (known.owner is not None or stage > 0)):
            self._conclude(known)
            return True
        return False

    def _adopt(self) -> None:
        _, known, tell_end = self._orphans.popleft()
        self._attribution.fall_back(known, is_over=True)
        self._tell(known, tell_end)

    def _tell(self, known: Known, tell_end: Callable[[], None]) -> None:
        if not known.told:
            self._telling.connect(known)
        tell_end()

    def _conclude(self, known: Known) -> None:
        if self._is_of_nobody(known):
            if not known.unsure:
                self._table.forget(known)
            return
        self._attribution.fall_back(known, is_over=known.refused or known.reset)
        self._telling.connect(known)

    def _is_of_nobody(self, known: Known) -> bool:
        """Over loopback: what no listener has taken, of which the end that asked tells; and what no socket has asked,
        since the packet's ends are not the socket's (`redirected`)."""
        if not is_loopback(known.family, known.ends.dst if known.direction == OUTBOUND else known.ends.src):
            return False
        if known.direction == INBOUND:
            return not (known.offered or known.established)  # no answer has the proxy's ends either (`redirected`)
        is_unanswered = not (known.established or known.refused or known.reset or known.unsure)
        return is_unanswered and known.owner is None and self._table.is_loose(known)


def _break(known: Known, *, by_itself: bool) -> None:
    """Before it was established a RST refuses, if it comes from the end that was asked."""
    if not (known.established or known.offered) and by_itself == (known.direction == INBOUND):
        known.refused = True
    else:
        known.reset = True


def _since(known: Known) -> float:
    return known.since or 0.0
