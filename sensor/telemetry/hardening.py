"""What the sensor does to itself at the start of its second stage; nothing here is fatal, everything is told.

Checked as root with the default capabilities (no SYS_PTRACE) and as uid 1000: after PR_SET_DUMPABLE 0 a process still
reads its own /proc/self/{fd,exe,ns,smaps_rollup,mountinfo}, since the kernel lets a thread group look at itself
(kernel/ptrace.c, __ptrace_may_access). As uid 1000 it loses what belongs to root then: environ, io, and writing
oom_score_adj, which is why that is written first. A child forked afterwards is not dumpable either, and without
SYS_PTRACE its exe and smaps_rollup are closed even to us.
"""

import resource
from collections.abc import Callable
from typing import NamedTuple

from sensor.telemetry.prctl import set_not_dumpable

OOM_SCORE_ADJ = 1000
DESCRIPTORS = 65_536
"""The soft limit that is enough for us: watches and pidfds of thousands of processes."""


class Measure(NamedTuple):
    """One thing that was tried: whether it worked, and a sentence that says what now holds or why it does not."""

    name: str
    ok: bool
    text: str


def harden() -> tuple[Measure, ...]:
    """Take all measures, in the order in which they do not get in each other's way."""
    return (offer_to_oom_killer(), raise_descriptor_limit(), become_not_dumpable())


def offer_to_oom_killer(write: Callable[[bytes], object] | None = None) -> Measure:
    """Let the kernel end the sensor before the app when memory runs out (proc_pid_oom_score_adj(5))."""
    return _tried(
        "oom_score_adj",
        lambda: (write or _write_oom_score_adj)(b"%d" % OOM_SCORE_ADJ),
        f"the sensor is the first to go when memory runs out (oom_score_adj {OOM_SCORE_ADJ})",
    )


def raise_descriptor_limit() -> Measure:
    """Raise the soft limit of open descriptors to the hard one, at most to `DESCRIPTORS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptor_limit(soft, hard)
    return _tried(
        "nofile",
        lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard)),
        f"{wanted} descriptors may be open (before: {soft})",
    )


def become_not_dumpable(call: Callable[[], None] = set_not_dumpable) -> Measure:
    """Keep siblings, also those that run as root, from reading the sensor's memory and environment."""
    return _tried("dumpable", call, "memory and environment are closed to siblings without SYS_PTRACE")


def descriptor_limit(soft: int, hard: int) -> int:
    """The soft limit to set; never lower than it is."""
    if soft == resource.RLIM_INFINITY:
        return soft
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    return max(soft, most)


def _write_oom_score_adj(value: bytes) -> None:
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(value)


def _tried(name: str, action: Callable[[], object], done: str) -> Measure:
    try:
        action()
    except (OSError, ValueError) as error:
        return Measure(name, False, f"{name}: {error}")
    return Measure(name, True, done)
