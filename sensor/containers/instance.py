"""The names by which this task, this sensor and this run of it are told apart from all others."""

import os
import re
from collections.abc import Callable, Mapping
from hashlib import blake2b

from sensor.containers.platform import METADATA_URI
from sensor.model.clock import Clock
from sensor.model.errors import SensorError
from sensor.model.protocols import HOST

UNKNOWN_BOOT = "unknown-boot"
ID_LIMIT = 72

_TASK = re.compile(r"([0-9a-f]{32})-\d+")
_RUNTIME = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}-\d+")
_FOREIGN = re.compile(r"[^a-z0-9.-]")


def boot_id(read: Callable[[str], bytes]) -> str:
    """What the kernel calls this boot (random(4)); `read` reads a file below /proc, as `Procfs.read` does."""
    try:
        return read("sys/kernel/random/boot_id").decode("ascii", "replace").strip() or UNKNOWN_BOOT
    except (OSError, SensorError):
        return UNKNOWN_BOOT


def task_id(environ: Mapping[str, str]) -> str | None:
    """The ECS task's own id. On Fargate the metadata address ends in it and the container's number.

    None outside ECS, and on EC2, where the address names the container and not the task.
    """
    found = _TASK.fullmatch(environ.get(METADATA_URI, "").rstrip("/").rsplit("/", 1)[-1])
    return found[1] if found else None


def task_instance(boot: str, task: str | None, pod_uid: str | None) -> str:
    """What `identity.process_entity` wants: this boot of the kernel, and the task or pod where it is known."""
    return f"{boot}/{task or pod_uid or ''}"


def sensor_id(*, task: str | None, pod_uid: str | None, own_container: str, boot: str, pid_namespace: int) -> str:
    """The same for every start of the sensor in one task: `[a-z0-9.-]` only, at most `ID_LIMIT` long.

    The task's own id or the pod's uid where there is one: what `identity.task_key` gives later stays the same then.
    `own_container` is `TaskView.own_container`, `pid_namespace` the inode of /proc/self/ns/pid. Where only a root
    device is known, which says nothing outside this machine, the boot and the namespace stand in.
    """
    if task:
        name = task
    elif pod_uid:
        name = pod_uid
    elif _RUNTIME.fullmatch(own_container):
        name = f"docker-{own_container[:12]}"
    else:
        place = f"{boot}\0{pid_namespace}\0{own_container}"
        kind = "host" if own_container == HOST else "docker"
        name = f"{kind}-{blake2b(place.encode(), digest_size=6).hexdigest()}"
    return _FOREIGN.sub("-", name.lower())[:ID_LIMIT]


def new_epoch(clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """A name for this start: the time in ms, so that names sort, and 32 random bits, should the clock go back."""
    return f"{clock.wall() // 1_000_000:011x}{entropy(4).hex()}"
