"""The containers that have live processes, and a descriptor of each one's root.

A root descriptor keeps the container's file system busy, so it is closed as soon as the last process has ended:
a restart was seen to find its upper directory in use otherwise.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from collectors.process_table import Tracked
from sensor.model.clock import Clock
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Timestamp
from sensor.model.protocols import HOST, ContainerListener

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""How long a refusal stands before the root is tried again."""


@dataclass(slots=True)
class _Container:
    started: Timestamp
    members: dict[int, Tracked] = field(default_factory=dict)
    root: int | None = None
    refusal: str | None = None
    refused_at: float = 0.0


class ContainerRoots:
    """Counts members by container and opens roots on demand with `open_root` (GatedReads.root)."""

    def __init__(self, open_root: Callable[[Tracked], int], clock: Clock) -> None:
        self._open_root = open_root
        self._clock = clock
        self._containers: dict[str, _Container] = {}
        self._listeners: list[ContainerListener] = []

    def ids(self) -> list[str]:
        """The containers with a live process."""
        return list(self._containers)

    def members(self, container_id: str) -> int:
        """How many live processes a container has."""
        found = self._containers.get(container_id)
        return len(found.members) if found else 0

    def processes(self, container_id: str) -> list[Tracked]:
        """The live processes of a container, the one that came first in front."""
        found = self._containers.get(container_id)
        return list(found.members.values()) if found else []

    def started(self, container_id: str) -> Timestamp | None:
        """When the oldest process that a container has had was forked."""
        found = self._containers.get(container_id)
        return found.started if found else None

    def join(self, container_id: str, process: Tracked) -> None:
        """A process that is settled belongs to this container."""
        found = self._containers.get(container_id)
        if found is None:
            found = self._containers[container_id] = _Container(process.start)
            found.members[process.pid] = process
            for listener in self._listeners:
                _tell(listener.container_started, container_id)
        found.members[process.pid] = process
        found.started = min(found.started, process.start)

    def leave(self, container_id: str, process: Tracked) -> None:
        """A process has ended; the container goes with its last one."""
        found = self._containers.get(container_id)
        if found is None or found.members.get(process.pid) is not process:
            return
        del found.members[process.pid]
        if not found.members:
            for listener in self._listeners:
                _tell(listener.container_stopped, container_id)  # which may still look at what lies below its root
            del self._containers[container_id]
            self._release(found)

    def listen(self, listener: ContainerListener) -> None:
        """Tell the listener of all there are, and from now on of each that comes and goes."""
        self._listeners.append(listener)
        for container_id in self.ids():
            listener.container_started(container_id)

    def forget(self, listener: ContainerListener) -> None:
        """Tell this listener nothing more."""
        self._listeners.remove(listener)

    def root(self, container_id: str) -> int | None:
        """The O_PATH descriptor of the root; None, with `refusal` saying why, where it cannot be had."""
        found = self._containers.get(container_id)
        if found is None:
            return None
        if found.root is None and (found.refusal is None or self._clock.monotonic() - found.refused_at > RETRY_S):
            self._open(container_id, found)
        return found.root

    def on_device(self, device: str) -> str | None:
        """The one container whose root lies on a device, `MAJOR:MINOR`; None where it is none or more than one."""
        found = [one for one in self.ids() if one != HOST and self._device(one) == device]
        return found[0] if len(found) == 1 else None

    def refusal(self, container_id: str) -> str | None:
        """Why there is no root."""
        found = self._containers.get(container_id)
        return found.refusal if found else "the container has ended"

    def close(self) -> None:
        """Close every root."""
        for found in self._containers.values():
            self._release(found)
        self._containers.clear()

    def _device(self, container_id: str) -> str | None:
        root = self.root(container_id)
        if root is None:
            return None
        number = os.fstat(root).st_dev
        return f"{os.major(number)}:{os.minor(number)}"

    def _open(self, container_id: str, found: _Container) -> None:
        """By the member that came first, normally the container's entrypoint: later ones may have changed roots."""
        found.refusal, found.refused_at = "no process of it could be read", self._clock.monotonic()
        if container_id == HOST:
            self._try(found, lambda: os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
            return
        for process in list(found.members.values()):
            if self._try(found, partial(self._open_root, process)):
                return

    def _try(self, found: _Container, open_it: Callable[[], int]) -> bool:
        try:
            found.root, found.refusal = open_it(), None
        except ProcessGone:
            return False
        except (AccessDenied, OSError) as error:  # no descriptors left, for example: a refusal like any other
            found.refusal = str(error)
            return False
        return True

    def _release(self, found: _Container) -> None:
        if found.root is not None:
            os.close(found.root)
            found.root = None


def _tell(told: Callable[[str], None], container_id: str) -> None:
    """What fails in one listener keeps none behind it from learning of the container."""
    try:
        told(container_id)
    except Exception:
        log.exception("container %s: what listens to containers failed, please report it", container_id[:12])
