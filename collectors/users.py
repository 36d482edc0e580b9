"""User names by each container's own /etc/passwd, which its root may write: a name is a label, never proof."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from collectors import rootfs
from collectors.procfs import text
from sensor.model.clock import Clock
from sensor.model.errors import SensorError

PASSWD = b"etc/passwd"
LIMIT = 1 << 16
"""Bytes of it that are read, a few thousand users: a longer one would cost 20 MB of names, and the loop its time."""
AGAIN_S = 10.0
"""An unknown uid has the file read again after this time."""


@dataclass(slots=True)
class _Names:
    by_uid: dict[int, str]
    read_at: float


class Users:
    """uid → name, by container. `root_of` is TaskView.root_of."""

    def __init__(self, root_of: Callable[[str], int | None], clock: Clock) -> None:
        self._root_of = root_of
        self._clock = clock
        self._names: dict[str, _Names] = {}

    def name(self, container_id: str, uid: int) -> str | None:
        """The user's name in that container; None where its /etc/passwd cannot be read or has no such uid."""
        names = self._names.get(container_id)
        now = self._clock.monotonic()
        if names is None or (uid not in names.by_uid and now - names.read_at > AGAIN_S):
            names = self._names[container_id] = _Names(self._read(container_id), now)
        return names.by_uid.get(uid)

    def forget(self, container_id: str) -> None:
        """The container has ended."""
        self._names.pop(container_id, None)

    def _read(self, container_id: str) -> dict[int, str]:
        root = self._root_of(container_id)
        if root is None:
            return {}
        try:
            with rootfs.held(rootfs.open_file(root, PASSWD)) as fd:
                return parse_passwd(os.read(fd, LIMIT))
        except (OSError, SensorError):
            return {}  # an image without the file, or with something else in its place, or a disk that fails


def parse_passwd(raw: bytes) -> dict[int, str]:
    """uid → name, the first line of a uid counts (passwd(5)); lines that are none are passed over."""
    names: dict[int, str] = {}
    for line in raw.splitlines():
        fields = line.split(b":")
        if len(fields) >= 4 and fields[2].isdigit() and len(fields[2]) <= 10:
            names.setdefault(int(fields[2]), text(fields[0]))
    return names
