"""One direction of a DNS connection: segments in any order become whole messages (RFC 1035 4.2.2, RFC 7766).

Each message follows two bytes of its length. What was not seen from its beginning, or has a gap that nobody fills, has
lost its boundaries; it finds them again in a segment that consists of whole messages, as nearly all of them do.
"""

from sensor.model.counters import Counters

MOST_HELD = 16
MOST_HELD_BYTES = 1 << 16
"""Segments, and their bytes together, that wait for one before them."""
GAP_S = 2.0
"""How long they wait: ten times the least after which Linux sends again (TCP_RTO_MIN, include/net/tcp.h)."""
WINDOW = 1 << 20
"""Bytes from what is expected to the farthest segment that can belong to it; beyond it is another's, or forged."""
SHORTEST = 12
"""Bytes of a DNS header: what is announced shorter is no DNS."""

_MASK = 0xFFFFFFFF

GAP, NO_DNS, UNALIGNED = "dns_stream_gap", "dns_stream_no_dns", "dns_stream_unaligned"
"""Reasons of losses: a gap given up, a message shorter than a header announced, a segment without boundaries."""


class DnsStream:
    """`first` is the sequence number of the SYN, None where it was not seen. Times are monotonic, in seconds."""

    def __init__(self, counters: Counters, first: int | None = None) -> None:
        self.first = first
        self._counters = counters
        self._expected = None if first is None else (first + 1) & _MASK
        self._end: int | None = None
        self._begun = bytearray()
        self._held: dict[int, bytes] = {}
        self._held_since = 0.0

    @property
    def size(self) -> int:
        """Bytes kept: of the message that has begun, and of segments that wait."""
        return len(self._begun) + sum(map(len, self._held.values()))

    def add(self, seq: int, payload: bytes, now: float, *, fin: bool = False) -> list[bytes]:
        """The messages that this segment completes, in order, without their lengths.

        Bytes that came before are passed over, whatever they say now.
        """
        if fin:
            self._end = (seq + len(payload)) & _MASK
        messages: list[bytes] = []
        if payload:
            self._place(seq, payload, now, messages)
        overfull = len(self._held) > MOST_HELD or sum(map(len, self._held.values())) > MOST_HELD_BYTES
        if self._held and (overfull or now - self._held_since > GAP_S):
            self._give_up(now, messages)
        return messages

    @property
    def is_over(self) -> bool:
        """Whether its end has come, and nothing is missing before it."""
        return self._end is not None and self._expected in (self._end, None)

    def _place(self, seq: int, payload: bytes, now: float, messages: list[bytes]) -> None:
        expected = self._expected
        if expected is None:
            self._align(seq, payload, messages)
            return
        ahead = _distance(expected, seq)
        if abs(ahead) > WINDOW:
            self._counters.lost(GAP)
            self._lose_place()
            self._align(seq, payload, messages)
        elif ahead > 0:
            self._hold(seq, payload, now)
        elif ahead + len(payload) > 0:
            self._read(expected, payload[-ahead:], messages)
            self._read_held(messages)

    def _align(self, seq: int, payload: bytes, messages: list[bytes]) -> None:
        """Without boundaries only a segment of whole messages is understood."""
        at = 0
        while at + 2 + SHORTEST <= len(payload) and (length := payload[at] << 8 | payload[at + 1]) >= SHORTEST:
            at += 2 + length
        if at == len(payload):
            self._read(seq, payload, messages)
        else:
            self._counters.lost(UNALIGNED)

    def _hold(self, seq: int, payload: bytes, now: float) -> None:
        if not self._held:
            self._held_since = now
        if len(payload) > len(self._held.get(seq, b"")):
            self._held[seq] = payload

    def _read_held(self, messages: list[bytes]) -> None:
        """What waited for the bytes that have just come."""
        while (expected := self._expected) is not None:
            ready = next((seq for seq in self._held if _distance(expected, seq) <= 0), None)
            if ready is None:
                return
            payload = self._held.pop(ready)
            self._read(expected, payload[-_distance(expected, ready) :], messages)

    def _read(self, seq: int, fresh: bytes, messages: list[bytes]) -> None:
        """Bytes in order, from `seq` on. Each is copied in once and out once, however small the segments."""
        self._expected = (seq + len(fresh)) & _MASK
        begun = self._begun
        begun += fresh
        at = 0
        while len(begun) - at >= 2:
            length = begun[at] << 8 | begun[at + 1]
            if length < SHORTEST:
                self._counters.lost(NO_DNS)
                self._lose_place()
                return
            if len(begun) - at - 2 < length:
                break
            messages.append(bytes(begun[at + 2 : at + 2 + length]))
            at += 2 + length
        del begun[:at]

    def _give_up(self, now: float, messages: list[bytes]) -> None:
        """What is missing will not come any more: go on behind it. Each segment is placed or passed over, once."""
        expected = self._expected or 0
        waiting = sorted(self._held.items(), key=lambda item: _distance(expected, item[0]))
        self._counters.lost(GAP)
        self._lose_place()
        for seq, payload in waiting:
            self._place(seq, payload, now, messages)

    def _lose_place(self) -> None:
        self._expected = None
        self._begun.clear()
        self._held.clear()


def _distance(here: int, there: int) -> int:
    """Bytes from one sequence number on to another, negative if it lies before: they wrap around (RFC 9293, 3.4)."""
    return ((there - here + (1 << 31)) & _MASK) - (1 << 31)
