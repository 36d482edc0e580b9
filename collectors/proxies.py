"""Proxies beside the app, to which it talks over loopback: what goes through them leaves the task, so it is told.

ECS Service Connect gives the other services addresses in 127.255.0.0/16. Envoy and its like are known by the program
that holds the listening socket.
"""

import socket
from collections.abc import Callable, Iterable

from collectors.inet_diag import unmapped
from sensor.model.clock import Clock

PROGRAMS = frozenset({"envoy", "linkerd2-proxy", "ztunnel"})
"""File names of proxies that meshes put beside an app."""
KEPT_S = 60.0
"""So long a port counts as a proxy's after its listener was seen last."""


class Proxies:
    """The ports that proxies listen on. `changed` is called when there is another one, or one less."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[int, float] = {}
        self.changed: Callable[[], None] = lambda: None

    @property
    def ports(self) -> frozenset[int]:
        """Those that are known now."""
        return frozenset(self._seen)

    def learn(self, port: int, exe: str | None) -> bool:
        """A program listens on a port; whether it is a proxy that was not known."""
        if exe is None or exe.rpartition("/")[2] not in PROGRAMS:
            return False
        is_new = port not in self._seen
        self._seen[port] = self._clock.monotonic()
        if is_new:
            self.changed()
        return is_new

    def see(self, port: int) -> None:
        """The port is listened on still."""
        if port in self._seen:
            self._seen[port] = self._clock.monotonic()

    def forget_gone(self) -> None:
        """All listeners were seen: ports that have not been among them for long are no proxy's any more."""
        now = self._clock.monotonic()
        gone = [port for port, at in self._seen.items() if now - at > KEPT_S]
        for port in gone:
            del self._seen[port]
        if gone:
            self.changed()

    def serve(self, ports: Iterable[int]) -> bool:
        """Whether one of the ports is a proxy's."""
        return bool(self._seen) and not self._seen.keys().isdisjoint(ports)


def is_service_connect(family: int, address: bytes) -> bool:
    """Whether the address (16 bytes) is one that Service Connect gives to another service."""
    family, address = unmapped(family, address)
    return family == socket.AF_INET and address.startswith(b"\x7f\xff")
