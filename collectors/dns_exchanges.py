"""One DNS query and its answer belong together: told when the answer comes, or when none does.

An answer may stand by itself: the query was not seen (docker's embedded DNS takes it on another port). A query that is
sent again with the same number from the same port is one query, and an answer that says the same again is none; one
that says something else is told, for somebody may be forging. Whoever asks again with another number, or over TCP after
a truncated answer, asks anew.
"""

from collections import Counter
from typing import Generic, NamedTuple, TypeVar

from collectors.dns_message import QUERY, DnsMessage, Question
from sensor.model.clock import Clock
from sensor.model.counters import Counters

UNANSWERED_S = 5.5
"""After the last sending. glibc sends again after 5 s (resolv.conf(5), timeout), and that is no other query."""
MOST_WAIT_S = 15.0
"""After the first sending nothing prolongs the wait."""
MOST = 1024
"""Queries that wait at once; beyond it the oldest is forgotten."""
MOST_ALIKE = 64
"""Of which ask the same question: a flood of one name leaves room for the others."""
UNTRACKED = "dns_query_untracked"
"""The reason of a loss: a query was forgotten early or not taken in. Its answer is still told, by itself."""


Owner = TypeVar("Owner")
"""Whatever the caller knows of the process that asks."""


class Client(NamedTuple):
    """The end that asks: tcp or udp, address as text, port."""

    transport: str
    address: str
    port: int


class Exchange(NamedTuple, Generic[Owner]):
    """A query with its answer, either of which may be missing.

    `question` is None only where the answer has none. `server` is who answered, or who was asked last. `answer` is None
    where none came in time. `owner` is what was given with the query; `took_s` is from its first sending to the answer.
    """

    client: Client
    server: str
    question: Question | None
    answer: DnsMessage | None
    owner: Owner | None = None
    took_s: float | None = None


class _Key(NamedTuple):
    client: Client
    id: int
    question: Question | None


class _Waiting(NamedTuple, Generic[Owner]):
    server: str
    owner: Owner | None
    first: float
    last: float


class _Answered(NamedTuple, Generic[Owner]):
    until: float
    said: int
    owner: Owner | None


class Exchanges(Generic[Owner]):
    """Fed with queries and answers in the order in which they were seen.

    Packets that are seen twice, as on loopback, do no harm.
    """

    def __init__(self, *, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._waiting: dict[_Key, _Waiting[Owner]] = {}  # in the order in which their wait ends
        self._alike: Counter[Question | None] = Counter()
        self._answered: dict[_Key, _Answered[Owner]] = {}  # likewise

    def __len__(self) -> int:
        return len(self._waiting)

    def query(self, client: Client, server: str, message: DnsMessage, owner: Owner | None = None) -> None:
        """A query was sent. Messages of other kinds (updates, notices), or that ask nothing, are counted alone."""
        if message.question is None or message.opcode != QUERY:
            self._counters.lost(UNTRACKED)
            return
        now = self._clock.monotonic()
        self._forget_answered(now)
        key = _Key(client, message.id, message.question)
        before = self._waiting.get(key)
        if before is not None:
            self._sent_again(key, before, _Waiting(server, owner, before.first, now))
        elif key in self._answered:
            return  # sent again while the answer was on its way
        elif self._alike[message.question] >= MOST_ALIKE:
            self._counters.lost(UNTRACKED)
        else:
            self._wait(key, _Waiting(server, owner, now, now))

    def answer(self, client: Client, server: str, message: DnsMessage) -> Exchange[Owner] | None:
        """What an answer to this client completes; None if the same was answered before."""
        now = self._clock.monotonic()
        self._forget_answered(now)
        key = self._key(client, message)
        said = hash((message.rcode, frozenset(answer.value for answer in message.answers)))
        waiting, before = self._leave(key), self._answered.get(key)
        if waiting is not None:
            owner, took = waiting.owner, now - waiting.first
        elif before is not None:
            if before.said == said:
                return None
            owner, took = before.owner, None
        else:
            owner, took = None, None
        self._remember(key, _Answered(before.until if before else now + UNANSWERED_S, said, owner))
        return Exchange(client, server, key.question, message, owner, took)

    def due(self) -> list[Exchange[Owner]]:
        """The queries that have waited long enough."""
        found: list[Exchange[Owner]] = []
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            if waiting.last + UNANSWERED_S > self._clock.monotonic():
                break
            self._leave(key)
            found.append(Exchange(key.client, waiting.server, key.question, None, waiting.owner))
        return found

    def next_due(self) -> float | None:
        """When `due` will have something, in monotonic seconds; None while nothing waits."""
        for waiting in self._waiting.values():
            return waiting.last + UNANSWERED_S
        return None

    def _wait(self, key: _Key, waiting: _Waiting[Owner]) -> None:
        if len(self._waiting) >= MOST:
            self._leave(next(iter(self._waiting)))
            self._counters.lost(UNTRACKED)
        self._waiting[key] = waiting
        self._alike[key.question] += 1

    def _sent_again(self, key: _Key, before: _Waiting[Owner], again: _Waiting[Owner]) -> None:
        """The wait begins anew, for a while; who was found to send it first stays."""
        if again.last - before.first + UNANSWERED_S > MOST_WAIT_S:
            return
        del self._waiting[key]
        self._waiting[key] = again if before.owner is None else again._replace(owner=before.owner)

    def _leave(self, key: _Key) -> _Waiting[Owner] | None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._alike[key.question] -= 1
            if not self._alike[key.question]:
                del self._alike[key.question]
        return waiting

    def _key(self, client: Client, message: DnsMessage) -> _Key:
        """A server that cannot read a query answers without its question: then the number has to do."""
        if message.question is None:
            for key in reversed(self._waiting):
                if key.client == client and key.id == message.id:
                    return key
        return _Key(client, message.id, message.question)

    def _remember(self, key: _Key, answered: _Answered[Owner]) -> None:
        if key not in self._answered and len(self._answered) >= MOST:
            del self._answered[next(iter(self._answered))]
        self._answered[key] = answered

    def _forget_answered(self, now: float) -> None:
        while self._answered:
            key, answered = next(iter(self._answered.items()))
            if answered.until > now:
                return
            del self._answered[key]
