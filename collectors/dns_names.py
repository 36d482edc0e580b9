"""Which name an address was asked for: what DNS answered lately names the connections that follow.

For one task: whoever asks and whoever connects need not be the same process (a local resolver, a proxy).
"""

from typing import NamedTuple

from collectors.dns_message import DnsMessage
from sensor.model.counters import Counters

MOST = 2048
"""Addresses that are known at once."""
LEAST_S = 300.0
"""An address is known for at least so long. Applications hold on to one for longer than its TTL says (connection pools,
the JVM's cache of 30 s, a retry), while load balancers have TTLs of a few seconds; and a name that is too old misleads
only if the task connects to the address again for another name without asking for it."""
MOST_S = 86_400.0
"""And at most so long: resolvers too forget after a day (unbound.conf(5), cache-max-ttl)."""
FORGOTTEN = "dns_name_forgotten"
"""The reason of a loss: an address left before its time because too many are known."""

_MAPPED = "::ffff:"


class _Known(NamedTuple):
    name: str
    until: float


class DnsNames:
    """Addresses are text as inet_ntop(3) writes it, mapped IPv4 ones as IPv4. Times are monotonic, in seconds."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._known: dict[str, _Known] = {}  # the least recently learnt or asked for first

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, message: DnsMessage, now: float) -> None:
        """Take in an answer: its addresses are called what was asked for, however many aliases lie between.

        Addresses of names that the question does not lead to are passed over, as resolvers do: anybody can add them.
        """
        question = message.question
        if question is None or not message.is_response:
            return
        wanted = _led_to(question.name, message)
        for answer in message.answers:
            if answer.type in ("A", "AAAA") and answer.name in wanted and not answer.value.startswith("\\"):
                address = _plain(answer.value)
                self._known.pop(address, None)
                self._known[address] = _Known(question.name, now + min(max(answer.ttl, LEAST_S), MOST_S))
        self._keep_bound(now)

    def name(self, address: str, now: float) -> str | None:
        """What the address was asked for by last, None if it is not known or no longer holds."""
        known = self._known.pop(address, None)
        if known is None or known.until < now:
            return None
        self._known[address] = known
        return known.name

    def _keep_bound(self, now: float) -> None:
        while len(self._known) > MOST:
            known = self._known.pop(next(iter(self._known)))
            if known.until >= now:
                self._counters.lost(FORGOTTEN)


def _led_to(name: str, message: DnsMessage) -> set[str]:
    """The name that was asked for and its aliases, in whatever order the records come."""
    aliases = {answer.name: answer.value for answer in message.answers if answer.type == "CNAME"}
    names: set[str] = set()
    while name not in names:
        names.add(name)
        name = aliases.get(name, name)
    return names


def _plain(address: str) -> str:
    """A mapped IPv4 address as the IPv4 address that it is; sockets are shown so too."""
    inner = address.removeprefix(_MAPPED)
    return inner if "." in inner else address
