"""Connections from their first packet on, and DNS: two packet sockets with a filter in the kernel (`packet_filter`).

The first passes what must be seen at once: a SYN, whose process may be gone in a millisecond, and DNS. It wakes us. The
second passes the answers, SYN with ACK and RST; it is read when something waits for them, so that they cost no wake-up.
Needs NET_RAW, which containers have by default.
"""

import errno
import os
from collections import deque
from contextlib import closing
from itertools import islice

from collectors import interfaces, network_events, packet_filter, packet_tap
from collectors.allowance import Allowance
from collectors.interfaces import LOOPBACK
from collectors.network_skip import Server
from collectors.network_state import NetworkParts, NetworkState, do_nothing
from collectors.network_storm import PERIOD_S
from collectors.network_telling import DNS, Moment
from collectors.packet_filter import ACK, RST, SYN, Loopback
from collectors.packet_headers import TCP, Segment, parse
from collectors.packet_tap import RECEIVE_BUFFER, Packet, PacketTap
from collectors.proxies import is_service_connect
from collectors.readiness import Rest, attend
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Timestamp
from sensor.model.protocols import Capability, Emit, Status, TaskView
from sensor.model.times import NS

READS = 128
"""Packets taken of each tap in one go, a few milliseconds' worth."""
CATCH_UPS = 16
"""So many times as much is taken before the end of a connection is told."""
WAKES_PER_SECOND, WAKES_SAVED = 100, 500
"""How often a packet may wake us. Beyond it packets are read every `HOLD_OFF_S`, and lose their process more often."""
HOLD_OFF_S = 0.02
MEND = "leave NET_RAW, one of the default capabilities, to the sensor"
OLDEST_NS = 60 * NS
LOST = "packets_dropped"
"""The reason of a loss: packets passed the filter and found no room in the receive buffer."""


class NetworkTaps:
    """`network.connect` with its outcome, and `dns.query`, by AF_PACKET."""

    name = "network_taps"

    def __init__(
        self, *, state: NetworkState, counters: Counters, clock: Clock, receive_buffer: int = RECEIVE_BUFFER
    ) -> None:
        """`receive_buffer`: bytes that the kernel is asked for, for each of the two."""
        self._state = state
        self._counters = counters
        self._clock = clock
        self._receive_buffer = receive_buffer

    def probe(self) -> Capability:
        """Whether packet sockets may be opened."""
        try:
            packet_tap.probe()
        except OSError as error:
            reason = f"no packet sockets ({os.strerror(error.errno or 0)}): neither DNS nor refused connects are seen"
            return Capability(Status.UNAVAILABLE, reason, MEND if error.errno == errno.EPERM else None)
        return Capability(Status.OK)

    async def run(self, task: TaskView, emit: Emit) -> None:
        """Follow the packets of this network namespace until cancelled. Raises OSError where no tap can be had."""
        parts = self._state.parts(task, emit)
        filters = Filters(parts, self._state.loopback)
        size = self._receive_buffer
        with (
            closing(PacketTap(filters.openings(), size)) as openings,
            closing(PacketTap(filters.answers(), size)) as answers,
        ):
            following = Following(parts, openings, answers, self._counters, self._clock)

            def renew() -> None:
                filters.renew(openings, answers)

            parts.proxies.changed = renew
            parts.storm.listen(renew)
            parts.catch_up = following.catch_up
            parts.tapped = parts.lossy = True  # what was opened while nobody followed is for one more full dump
            try:
                await following.run()
            finally:
                parts.tapped = False
                parts.storm.unlisten(renew)
                parts.proxies.changed = parts.catch_up = do_nothing
                parts.release()


class Filters:
    """The filters of both taps, as the proxies that are known now ask for."""

    def __init__(self, parts: NetworkParts, everything: bool) -> None:
        self._parts = parts
        self._everything = everything
        self._interface = interfaces.loopback()

    def openings(self) -> bytes:
        """Of the tap that wakes us."""
        return packet_filter.openings(self._loopback(), self._parts.storm.skip)

    def answers(self) -> bytes:
        """Of the other."""
        return packet_filter.answers(self._loopback(), self._parts.storm.skip)

    def renew(self, openings: PacketTap, answers: PacketTap) -> None:
        """There is another proxy to whose connections over loopback we listen, or one less, or something to skip."""
        openings.filter(self.openings())
        answers.filter(self.answers())
        if self._parts.storm.skip:
            self._parts.attempts.answers_lost()

    def _loopback(self) -> Loopback:
        return Loopback(self._interface, self._everything, self._parts.proxies.ports)


class Following:
    """Reads the taps while a `NetworkTaps` runs."""

    def __init__(
        self, parts: NetworkParts, openings: PacketTap, answers: PacketTap, counters: Counters, clock: Clock
    ) -> None:
        self._parts = parts
        self._openings = openings
        self._answers = answers
        self._counters = counters
        self._clock = clock
        self._wakes = Allowance(per_second=WAKES_PER_SECOND, burst=WAKES_SAVED, clock=clock)
        self._answered: deque[Packet] = deque()  # read, and not looked at yet

    async def run(self) -> None:
        """Take what comes, and do what is due, until cancelled."""
        await attend(self._openings.fileno(), self._turn, Rest(self._wait()))

    def _turn(self) -> Rest:
        with self._parts.storm.share.working():
            more = self.take()
        self._parts.storm.look()
        return Rest(self._wait()) if self._wakes.take(1) and not more else Rest(HOLD_OFF_S, listen=False)

    def catch_up(self) -> None:
        """Take all that waits now, within reason: what comes meanwhile is later than whatever asks for this, which is
        within the share's `working`."""
        for _ in range(CATCH_UPS):
            if not self.take():
                return

    def take(self) -> bool:
        """Read both taps and do what is due; True where more may be waiting.

        Answers are read first and looked at last: whatever opened their connections has come before them. Where more
        of that waits than is read in one go, answers that are younger than what was read wait too.
        """
        room = READS - len(self._answered)
        answered = list(islice(iter(self._answers.receive, None), room))
        opened = list(islice(iter(self._openings.receive, None), READS))
        self._answered += answered
        if opened:
            self._see_openings(opened)
        self._see_answers(_read_until(opened) if len(opened) == READS else None)
        if opened or answered:
            self._see_losses(bool(opened), bool(answered))
        self._parts.attempts.settle()
        self._parts.dns.settle()
        return len(opened) == READS or len(answered) == room

    def _see_answers(self, until: int | None) -> None:
        """Those that had come by then, all of them with None."""
        while self._answered:
            time = self._answered[0].time
            if until is not None and time is not None and time > until:
                return
            if (segment := parse(self._answered.popleft().data)) is not None:
                self._parts.attempts.answered(segment, time)

    def _see_openings(self, opened: list[Packet]) -> None:
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        for packet in opened:
            segment = parse(packet.data)
            if segment is None or self._skips(segment):
                continue
            sent, within = packet.sent, packet.interface == LOOPBACK
            if segment.protocol == TCP and segment.flags & (SYN | RST):
                age = _age(packet, wall)
                self._open(segment, Moment(Timestamp(wall - age), monotonic - age / NS), sent=sent, within=within)
            if DNS in (segment.src_port, segment.dst_port):
                self._parts.dns.segment(segment, sent=sent, within=within)

    def _open(self, segment: Segment, moment: Moment, *, sent: bool, within: bool) -> None:
        flags = segment.flags & (SYN | ACK | RST)
        if flags == SYN:
            self._parts.attempts.opened(segment, moment, sent=sent, within=within)
        elif flags == SYN | ACK and is_service_connect(segment.family, segment.src):
            self._parts.attempts.redirected(segment, moment)

    def _skips(self, segment: Segment) -> bool:
        storm, (there, port) = self._parts.storm, (segment.dst, segment.dst_port)
        if segment.src_port == DNS or segment.flags & (SYN | ACK) == SYN | ACK:
            there, port = segment.src, segment.src_port
        asked = Server(segment.family, there, port)
        storm.came(asked)
        return bool(storm.skip) and storm.skips(segment.protocol, asked)

    def _wait(self) -> float | None:
        """Seconds until something is due."""
        due = [at for at in (self._parts.attempts.next_due(), self._parts.dns.next_due()) if at is not None]
        now = self._clock.monotonic()
        if self._parts.storm.skip:
            due.append(now + PERIOD_S)
        return max(0.0, min(due) - now) if due else None

    def _see_losses(self, opened: bool, answered: bool) -> None:
        """Ask only a tap that has just given something: packets find no room while others wait, which are read next."""
        unanswered = self._answers.newly_dropped() if answered else 0
        dropped = unanswered + (self._openings.newly_dropped() if opened else 0)
        if unanswered:
            self._parts.attempts.answers_lost()
        if dropped:
            self._parts.lossy = True
            self._counters.lost(LOST, dropped)
            now = self._clock.wall()
            self._parts.telling.put(
                network_events.lost(LOST, dropped, NetworkTaps.name, now, source=network_events.TAP)
            )


def _read_until(opened: list[Packet]) -> int | None:
    """The time up to which all has been read, whatever interface it came over. None where a packet has none."""
    last = {packet.interface: packet.time for packet in opened}
    times = [time for time in last.values() if time is not None]
    return min(times) if len(times) == len(last) else None


def _age(packet: Packet, now: Timestamp) -> int:
    """How long ago the packet came by, in ns; 0 where that cannot be: the wall clock was set meanwhile."""
    age = 0 if packet.time is None else now - packet.time
    return age if 0 <= age < OLDEST_NS else 0
