"""Which DNS servers a container is configured to ask: its resolv.conf(5), which the platform writes."""

import os
import socket
from collections.abc import Callable, Sequence

from collectors import rootfs
from sensor.model.clock import Clock
from sensor.model.errors import SensorError
from sensor.model.protocols import HOST

PATH = b"/etc/resolv.conf"
MOST_BYTES = 16_384
KEPT_S = 60.0
"""So long what was read counts; the platform writes the file once."""


class Resolvers:
    """Called with a container's id, None for the plain machine: the servers' addresses, None where nothing is known."""

    def __init__(
        self,
        root_of: Callable[[str], int | None],
        remote: Callable[[str], Sequence[bytes] | None],
        clock: Clock,
    ) -> None:
        """`remote` gives the mounts of a container that may hang (`rootfs`)."""
        self._root_of = root_of
        self._remote = remote
        self._clock = clock
        self._known: dict[str, tuple[frozenset[str] | None, float]] = {}

    def __call__(self, container_id: str | None) -> frozenset[str] | None:
        """From memory where it was read within `KEPT_S`."""
        key, now = container_id or HOST, self._clock.monotonic()
        if key not in self._known or now - self._known[key][1] > KEPT_S:
            root = self._root_of(key)
            if root is None:  # not yet, perhaps: whoever gives roots knows when to try again
                return None
            self._known = {k: v for k, v in self._known.items() if now - v[1] <= KEPT_S}
            self._known[key] = (self._read(key, root), now)
        return self._known[key][0]

    def _read(self, container_id: str, root: int) -> frozenset[str] | None:
        try:
            with rootfs.held(rootfs.open_file(root, PATH, remote=self._remote(container_id))) as file:
                return servers(os.read(file, MOST_BYTES))
        except (OSError, SensorError):
            return None


def servers(text: bytes) -> frozenset[str] | None:
    """The addresses after `nameserver` as inet_ntop(3) writes them, a zone such as `%eth0` left out; None where there
    are none."""
    lines = (line.split() for line in text.splitlines())
    found = {_address(line[1].partition(b"%")[0].decode("ascii", "replace")) for line in lines if _names_server(line)}
    return frozenset(found) or None


def _address(text: str) -> str:
    """However it is written; what is none stays as it is."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except OSError:
        return text


def _names_server(line: list[bytes]) -> bool:
    return len(line) > 1 and line[0] == b"nameserver"
