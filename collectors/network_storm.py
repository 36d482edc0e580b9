"""Keeps the network collectors to their share of CPU: in a storm of connections what comes most goes by unread.

That is what has one of a few servers at an end, of the task or beyond it. Where no few make up most of it, or the rest
is too much as well, all of the network is let go by for the moment. Once a second's worth of the share is saved up all
is followed again, so that of a storm that goes on a part of each few seconds is seen. What went by is counted by the
kernel's own counters: at most so many were not followed. An end may come long after its connection was over, where both
cores are taken, and be dropped by a filter that was not there then; so those that nobody heard of count as well.
"""

import logging
from collections.abc import Callable
from operator import itemgetter

from collectors.inet_diag import TCP
from collectors.network_skip import DNS, FOLLOW_ALL, Server, Skip
from collectors.pace import CpuShare
from collectors.socket_counts import Opened
from sensor.model.clock import Clock
from sensor.model.counters import Counters

MOST_SERVERS = 4
"""Skipped at once: jumps in the filters reach 255 instructions."""
PART = 1 / 8
"""A server with less of all that comes is not worth a filter."""
ENOUGH = 1 / 2
"""Such servers are skipped where they make up that much."""
PERIOD_S = 1.0
"""So long what is skipped is tried, before more is."""
FORGET_S = 10.0
"""So long what came counts for what comes most."""
TALLIED = 256
TOLD_S = 60.0
"""Between two lines in the log."""
CONNECTIONS, DATAGRAMS = "connections_skipped", "datagrams_skipped"
"""The reasons of losses."""

log = logging.getLogger(__name__)


class Tally:
    """What comes most, in little memory: whatever makes up more than a `TALLIED`th is in it (Misra and Gries, 1982)."""

    def __init__(self, size: int = TALLIED) -> None:
        self._size = size
        self._counts: dict[Server, int] = {}
        self.total = 0
        """How often something came, with one server or two."""

    def add(self, *servers: Server) -> None:
        """These came together."""
        self.total += 1
        for server in servers:
            if server in self._counts or len(self._counts) < self._size:
                self._counts[server] = self._counts.get(server, 0) + 1
            else:
                self._counts = {other: n - 1 for other, n in self._counts.items() if n > 1}

    def most(self, number: int) -> list[tuple[Server, int]]:
        """Those that came most, and how often at least."""
        return sorted(self._counts.items(), key=itemgetter(1), reverse=True)[:number]


class NetworkStorm:
    """Whoever follows the network says what `came`, passes over what `skips` names, and has a `look` now and then, at
    least every second while something is skipped."""

    def __init__(
        self,
        *,
        share: CpuShare,
        opened: Callable[[], Opened | None],
        counters: Counters,
        clock: Clock,
    ) -> None:
        """`opened` asks the kernel how much there was since boot."""
        self.share = share
        """Whoever follows the network does so within its `working`."""
        self._opened = opened
        self._counters = counters
        self._clock = clock
        self._tally = Tally()
        self._since = clock.monotonic()  # what came is counted since then
        self._drawn_then = share.drawn
        self._opened_before = Opened(0, 0, 0)
        self._over_before: int | None = None  # known while ends are heard
        self._ended = 0  # and heard since then
        self._datagrams = False  # whether they are among what goes by
        self._too_much = 0  # periods in a row
        self._is_to_set = False  # the filters, to what goes by now
        self._owed = False
        self._listeners: list[Callable[[], None]] = []
        self._logged = float("-inf")
        self.skip = FOLLOW_ALL
        """What goes by now."""
        self.unheard = False
        """Whether ends went by since the last time that all open sockets were dumped; whoever does that clears it."""

    def listen(self, changed: Callable[[], None]) -> None:
        """Call it whenever `skip` is another, to set a filter."""
        self._listeners.append(changed)

    def unlisten(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._listeners.remove(changed)

    def came(self, *servers: Server) -> None:
        """Something came that has these ends, of which one or both may be a server."""
        self._tally.add(*servers)

    def hear_ends(self, hears: bool) -> None:
        """Whether `ended` is told from now on of all connections that end."""
        opened = self._opened() if hears else None
        self._over_before = opened and opened.over
        self._ended = 0

    def ended(self, number: int = 1) -> None:
        """So many connections have ended, and that was heard, or is counted as a loss of its own."""
        self._ended += number

    def skips(self, protocol: int, *ends: Server) -> bool:
        """Whether something with these ends, which came before the kernel's filter was there, goes by; then it is
        counted."""
        skipped = self.skip.everything or any(
            end in self.skip.servers and (protocol == TCP or end.port == DNS) for end in ends
        )
        if skipped:
            self._counters.lost(CONNECTIONS if protocol == TCP else DATAGRAMS)
        return skipped

    def look(self) -> None:
        """Skip what comes most while the share is overdrawn, more of it if that does not help, and nothing after."""
        self._decide(self._clock.monotonic())
        if self._is_to_set:
            self._set_filters()
        if self._owed and not self._is_to_set:
            self._tell_skipped()

    def tell(self) -> None:
        """Count what went by until now: a collector ends."""
        if self.skip or self._owed:
            self._tell_skipped()

    def _decide(self, now: float) -> None:
        if not self.share.is_overdrawn():
            if self.skip:
                self._change(FOLLOW_ALL)
            elif now - self._since >= FORGET_S:
                self._begin_anew()
        elif not self.skip:
            self._change(self._most())
        elif not self.skip.everything and now - self._since >= PERIOD_S:
            self._skip_more_or_not(now - self._since)

    def _skip_more_or_not(self, period: float) -> None:
        """The first period still has what came before."""
        used = self.share.drawn - self._drawn_then
        self._too_much = self._too_much + 1 if used > self.share.per_second * period else 0
        if self._too_much > 1:
            self._change(Skip(everything=True))
        else:
            self._begin_anew()

    def _most(self) -> Skip:
        total = self._tally.total
        few = [(server, n) for server, n in self._tally.most(MOST_SERVERS) if n >= total * PART]
        if not few or sum(n for _, n in few) < total * ENOUGH:
            return Skip(everything=True)
        return Skip(frozenset(server for server, _ in few))

    def _change(self, skip: Skip) -> None:
        """The kernel's counts are read while the filters pass all, so that nothing is missed in between."""
        if not self.skip and not self._owed:
            self._opened_before = self._opened() or self._opened_before
        self._log(skip)
        self.skip = skip
        self._too_much = 0
        self._datagrams |= skip.datagrams
        if not skip:
            self._owed = self.unheard = True
        self._is_to_set = True
        self._begin_anew()

    def _set_filters(self) -> None:
        """The kernel may have no memory for them now: then the next look tries again."""
        try:
            for changed in self._listeners:
                changed()
        except OSError:
            self._counters.add("network.filters_refused")
        else:
            self._is_to_set = False

    def _begin_anew(self) -> None:
        self._since, self._drawn_then, self._tally = self._clock.monotonic(), self.share.drawn, Tally()

    def _tell_skipped(self) -> None:
        """Where the kernel's counts cannot be read it is told later, with what comes until then."""
        opened = self._opened()
        self._owed = opened is None
        if opened is not None:
            before, self._opened_before = self._opened_before, opened
            self._counters.lost(CONNECTIONS, max(opened.connections - before.connections, self._unheard(opened)))
            if self._datagrams:
                self._counters.lost(DATAGRAMS, opened.datagrams - before.datagrams)
            self._datagrams = self.skip.datagrams

    def _unheard(self, opened: Opened) -> int:
        """Connections that were over by now, and had no end that was heard, since this was asked last."""
        if self._over_before is None:
            return 0
        unheard = opened.over - self._over_before - self._ended
        self._over_before, self._ended = opened.over, 0
        return unheard

    def _log(self, skip: Skip) -> None:
        now = self._clock.monotonic()
        if skip and now - self._logged > TOLD_S:
            what = ", ".join(sorted(map(str, skip.servers))) or "all of it"
            log.warning("more comes over the network than may be followed; for moments it goes by: %s", what)
            self._logged = now
