"""DNS over TCP of a whole task: the streams that a tap sees, bounded in number, bytes and age."""

from collections.abc import Hashable

from collectors.dns_stream import DnsStream
from sensor.model.clock import Clock
from sensor.model.counters import Counters

MOST_STREAMS = 512
MOST_BYTES = 1 << 19
"""Of unfinished messages and of segments that wait, over all streams."""
IDLE_S = 60.0
"""After this time without a segment a stream is forgotten; one that goes on later has to find its boundaries."""

UNFINISHED = "dns_stream_unfinished"
"""The reason of a loss: a stream ended, or had to be forgotten, with bytes that made no whole message yet."""


class DnsStreams:
    """Streams by key, which names one direction of one connection. What is lost is counted by the reasons above and
    in `collectors.dns_stream`. A stream that is over is kept for a while, to know what is sent again.
    """

    def __init__(self, *, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._streams: dict[Hashable, tuple[DnsStream, float]] = {}  # and when it was used: longest ago first
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def held_bytes(self) -> int:
        """Bytes that are kept for all streams together."""
        return self._bytes

    def feed(
        self, key: Hashable, seq: int, payload: bytes, *, syn: bool = False, fin: bool = False, rst: bool = False
    ) -> list[bytes]:
        """The messages that this segment completes, without their lengths; `seq` and the flags are its header's.

        A reset ends both directions: call `forget` for the other.
        """
        now = self._clock.monotonic()
        self._forget_idle(now)
        if rst:
            self.forget(key)
            return []
        stream = self._streams[key][0] if key in self._streams else None
        if syn and (stream is None or stream.first != seq):  # a port that is used again, not a SYN that is sent again
            self.forget(key)
            stream = DnsStream(self._counters, seq)
        elif stream is None:
            if not payload:
                return []
            stream = DnsStream(self._counters)
        before = stream.size
        messages = stream.add((seq + syn) & 0xFFFFFFFF, payload, now, fin=fin)  # a SYN counts as a byte
        self._streams.pop(key, None)
        self._streams[key] = (stream, now)
        self._bytes += stream.size - before
        if stream.is_over and stream.size:
            self.forget(key)
        self._keep_bounds()
        return messages

    def forget(self, key: Hashable) -> None:
        """Drop a stream, if there is one, with what it had of a message."""
        stream, _used = self._streams.pop(key, (None, 0.0))
        if stream is not None and stream.size:
            self._bytes -= stream.size
            self._counters.lost(UNFINISHED)

    def _forget_idle(self, now: float) -> None:
        while self._streams:
            key, (_stream, used) = next(iter(self._streams.items()))
            if now - used <= IDLE_S:
                return
            self.forget(key)

    def _keep_bounds(self) -> None:
        while len(self._streams) > MOST_STREAMS:
            self.forget(next(iter(self._streams)))
        while self._bytes > MOST_BYTES:
            self.forget(next(key for key, (stream, _used) in self._streams.items() if stream.size))
