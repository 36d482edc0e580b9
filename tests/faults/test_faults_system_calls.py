"""Every system call that the sensor lives on fails for a while, one kind after the other, in a sensor that runs.

It must outlive each and recover by itself, and what happened meanwhile was told, or is within what was told as lost.
CI runs a few short ones; `make soak` all, longer.
"""

import errno
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from deeds import Deeds
from ingest_process import Running, running
from ingest_samples import WRITE_TOKEN
from ledger import FILE, NETWORK, PROCESS
from needs import Need
from observed import Observed
from seccomp_faults import Faults, can_be_asked, faulty

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]

SOAK = bool(os.environ.get("SOAK"))
FAULT_S = float(os.environ["SOAK"]) if SOAK else 0.5
"""Seconds that each fault lasts; SOAK has them for the long form."""
MOST_GROWTH = 16 << 20
"""Bytes by which the sensor may be larger after all of them than when it had just started."""
RECOVERED_S = 90.0
RUNS = 5
"""How often something of each kind is done during each fault."""

READS = ("read", "pread64", "readlink", "readlinkat")
DISK = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "renameat", "unlinkat")


class Case(NamedTuple):
    """Calls that fail with an errno; `short` ones are CI's too."""

    calls: tuple[str, ...]
    error: int
    short: bool = False


CASES = [
    Case(("openat", "openat2", "socket", "pidfd_open"), errno.EMFILE, short=True),
    Case(READS, errno.EIO, short=True),
    Case(DISK, errno.ENOSPC, short=True),
    Case(("sendto", "sendmsg", "recvfrom", "recvmsg"), errno.ENOBUFS, short=True),
    Case(("openat", "openat2"), errno.ENFILE),
    Case(("openat",), errno.EPERM),
    Case(("openat", "openat2"), errno.EIO),
    Case(READS, errno.EPERM),
    Case(("read",), errno.EINTR),
    Case(("getdents64",), errno.EIO),
    Case(("getdents64",), errno.ENOMEM),
    Case(("inotify_add_watch",), errno.ENOSPC),
    Case(("inotify_add_watch",), errno.ENOMEM),
    Case((*READS, "inotify_init1"), errno.EMFILE),
    Case(("pidfd_open",), errno.EMFILE),
    Case(("pidfd_open",), errno.EPERM),
    Case(("fstat", "newfstatat", "statx"), errno.EIO),
    Case(DISK, errno.EIO),
    Case(DISK, errno.EPERM),
    Case(("recvfrom", "recvmsg"), errno.ENOBUFS),
    Case(("sendto", "sendmsg", "sendmmsg"), errno.EPERM),
    Case(("recvfrom", "recvmsg"), errno.EIO),
]


def named(case: Case) -> str:
    return f"{errno.errorcode[case.error]}-{case.calls[0]}"


class Rig:
    """A sensor under faults, its ingest, and an app before their eyes."""

    def __init__(
        self, process: "subprocess.Popen[str]", faults: Faults, observed: Observed, deeds: Deeds, programs: Path
    ) -> None:
        self.process, self.faults, self.observed, self.deeds = process, faults, observed, deeds
        self.programs = programs
        self.log: list[str] = []
        self.began_with = 0
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(iter(self.process.stderr.readline, ""))

    def do_some(self) -> None:
        """One thing of each kind, and a program from a directory where none ran before, which is to be watched then."""
        for deed in (self.deeds.program, self.deeds.file, self.deeds.socket):
            deed()
        directory = tempfile.mkdtemp(dir=self.programs)  # it stays: what is gone in a moment is not watched
        subprocess.run([shutil.copy("/bin/true", directory)], check=True)

    def sees(self) -> bool:
        """Whether what is done now is told soon, of every kind."""
        done = {PROCESS: self.deeds.program(), FILE: self.deeds.file(), NETWORK: self.deeds.socket()}
        return self.until(lambda: all(self.observed.knows(*one) for one in done.items()), 3.0)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether it came true in this time; the sensor must live all along."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, "".join(self.log)[-4000:]
            if condition():
                return True
            time.sleep(0.1)
        return False

    def resident(self) -> int:
        """Bytes of the sensor's own process."""
        with open(f"/proc/{self.process.pid}/statm", encoding="utf-8") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def rig(need: Need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    need(platform.machine() == "x86_64" and os.getuid() == 0, "root on x86-64, for its system calls' numbers")
    need(can_be_asked(), "to be asked about system calls: seccomp's listener and pidfd_getfd(2)")
    data, spool, files, programs = map(tmp_path_factory.mktemp, ("data", "spool", "files", "programs"))
    with running(data) as ingest:
        command = [sys.executable, "-m", "sensor.cli", "run"]
        deeds = Deeds(files)
        with faulty(command, _environment(ingest, spool, files, programs)) as (process, faults):
            found = Rig(process, faults, Observed(ingest, deeds), deeds, programs)
            assert found.until(found.observed.started, RECOVERED_S), "".join(found.log)
            assert found.until(found.sees, RECOVERED_S), "".join(found.log)
            found.began_with = found.resident()
            yield found


def _environment(ingest: Running, spool: Path, *watched: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SENSOR_", "INGEST_"))}
    return clean | {
        "SENSOR_INGEST_URL": ingest.url,
        "SENSOR_INGEST_TOKEN": WRITE_TOKEN,
        "SENSOR_SPOOL_DIR": str(spool),
        "SENSOR_STOP_DEADLINE": "4",
        "SENSOR_HEARTBEAT": "5",
        "SENSOR_FILE_PATHS": ",".join(map(str, watched)),
        "SENSOR_DAILY_MB": "0",
        "SENSOR_FOLD": "off",
        "SENSOR_NETWORK_FOLD": "off",
    }


@pytest.mark.parametrize("case", [case for case in CASES if case.short or SOAK], ids=named)
def test_the_sensor_outlives_it_and_recovers(rig: Rig, case: Case) -> None:
    before = rig.faults.injected.total()
    print(f"{named(case)} from {rig.observed.now():.1f} s", flush=True)
    with rig.faults.failing(case.calls, case.error):
        end = time.monotonic() + FAULT_S
        for _ in range(RUNS):
            rig.do_some()
        assert rig.until(lambda: time.monotonic() > end and rig.faults.injected.total() > before, RECOVERED_S)
    assert rig.until(rig.sees, RECOVERED_S), "".join(rig.log)[-6000:]


def test_what_happened_was_told_or_is_within_what_was_told_as_lost(rig: Rig) -> None:
    """The last one: it stops the sensor, which had no reason to grow."""
    resident = rig.resident()
    assert rig.observed.ended_alive() == []
    rig.process.terminate()
    assert rig.process.wait(60) == 0, "".join(rig.log)[-6000:]
    verdict = rig.observed.verdict()
    print(verdict, rig.observed.losses(), sep="\n")  # stands in the log of a long run
    assert verdict.faults() == [], "".join(rig.log)[-6000:]
    assert resident - rig.began_with < MOST_GROWTH
