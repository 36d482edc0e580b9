"""The kernel, this Python and this container: what everything else rests on."""

import os
import re
import sys
from collections.abc import Iterator

from collectors import rights
from collectors.container_key import CONTAINER_FILE_SYSTEMS, from_cgroup, root_mount
from collectors.procfs import Procfs
from sensor.containers.platform import detect
from sensor.doctor.check import Check, degraded, ok, unavailable
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.protocols import HOST

OLDEST_KERNEL = (5, 10)

FEW_WATCHES = 4096
FEW_INSTANCES = 8


def checks(procfs: Procfs, release: str, node_name: str | None) -> Iterator[Check]:
    """All of this module. `release` is uname's, `node_name` from the pod's downward API."""
    own = own_container(procfs)
    yield kernel(release)
    yield ok("python", ".".join(map(str, sys.version_info[:3])))
    yield ok("platform", detect(os.environ, own, node_name))
    yield pid_namespace(procfs, own)
    yield capabilities(procfs)
    yield yama(procfs)
    yield inotify(procfs)


def kernel(release: str) -> Check:
    """The kernel against the oldest that is tested."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers and tuple(map(int, numbers.groups())) >= OLDEST_KERNEL:
        return ok("kernel", release)
    wanted = ".".join(map(str, OLDEST_KERNEL))
    return degraded("kernel", f"{release}: not tested before {wanted}", "on Fargate: a later platform version")


def pid_namespace(procfs: Procfs, own: str) -> Check:
    """Whether siblings can be seen: PID 1 is the pause container's or at least not of our own container."""
    name = "pid namespace"
    if own == HOST:
        return ok(name, "no container: all processes of this machine")
    try:
        first = procfs.args(1)[0]
        shared = is_pause(first) or _root_device(procfs, "1") != _root_device(procfs, "self")
    except (AccessDenied, ProcessGone) as error:
        return degraded(name, f"it cannot be told whether it is shared: {error}")
    if shared:
        return ok(name, "shared with the other containers")
    return unavailable(
        name,
        "not shared: only processes of the sensor's own container can be seen",
        'ECS: "pidMode": "task"; pods: shareProcessNamespace: true; docker: --pid container:NAME',
    )


def is_pause(args: tuple[str, ...]) -> bool:
    """Whether a command line is that of the pause container, which holds a task's namespaces."""
    return bool(args) and args[0].rsplit("/", 1)[-1] == "pause"


def capabilities(procfs: Procfs) -> Check:
    """The effective capabilities by name (proc_pid_status(5)), and what the lack of SYS_PTRACE costs."""
    held = effective(procfs.read("self/status", rights.STATUS_LIMIT))
    listed = "all" if held.issuperset(rights.CAPABILITIES) else " ".join(sorted(held)) or "none"
    if rights.SYS_PTRACE in held:
        return ok("capabilities", listed)
    return degraded(
        "capabilities",
        "without SYS_PTRACE programs and files of processes that run as other users, or with more rights, are seen "
        f"only through helpers, or not at all (held: {listed})",
        rights.GRANT_PTRACE,
    )


def effective(status: bytes) -> frozenset[str]:
    """The names of the bits in `CapEff:`; none where the kernel does not tell."""
    return rights.effective(status) or frozenset()


def yama(procfs: Procfs) -> Check:
    """Yama limits who may attach to a process; it does not limit reading, which is all that is needed here."""
    try:
        scope = int(procfs.read("sys/kernel/yama/ptrace_scope", 16))
    except (ProcessGone, AccessDenied, ValueError):
        return ok("yama", "not in this kernel")
    limit = "nobody attaches to a process" if scope > 2 else "attaching is limited" if scope else "no limit"
    return ok("yama", f"ptrace_scope {scope}: {limit}; reading is not affected")


def inotify(procfs: Procfs) -> Check:
    """The limits per user on the host (inotify(7)), which all containers share; the sensor takes a quarter at most."""
    try:
        instances, watches = (int(procfs.read(f"sys/fs/inotify/max_user_{n}", 32)) for n in ("instances", "watches"))
    except (ProcessGone, AccessDenied, ValueError) as error:
        return degraded("inotify limits", f"cannot be read: {error}")
    found = f"{instances} instances, {watches} watches a user"
    if instances >= FEW_INSTANCES and watches >= FEW_WATCHES:
        return ok("inotify limits", found)
    mend = "on a host: sysctl fs.inotify.max_user_watches=65536; on Fargate they cannot be set: watch fewer directories"
    return degraded("inotify limits", f"{found}: few", mend)


def own_container(procfs: Procfs) -> str:
    """The container that this process runs in, `HOST` on a plain machine."""
    try:
        named = from_cgroup(procfs.read("self/cgroup", 65_536))
        mount = root_mount(procfs.read("self/mountinfo"))
    except (ProcessGone, AccessDenied):
        return HOST
    unnamed = mount.key if mount and mount.fs_type in CONTAINER_FILE_SYSTEMS else HOST
    return named or unnamed


def _root_device(procfs: Procfs, process: str) -> str | None:
    mount = root_mount(procfs.read(f"{process}/mountinfo"))
    return mount.device if mount else None
