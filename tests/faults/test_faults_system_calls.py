"""Every system call that the sensor lives on fails for a while, one kind after the other, in a sensor that runs.

It must outlive each and recover by itself, and what happened meanwhile was told, or a loss was.
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
from typing import Any, NamedTuple

import httpx
import pytest
from ingest_process import Running, running
from ingest_samples import READING, WRITE_TOKEN
from needs import Need
from seccomp_faults import Faults, can_be_asked, faulty

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]

SOAK = bool(os.environ.get("SOAK"))
FAULT_S = float(os.environ["SOAK"]) if SOAK else 0.5
"""Seconds that each fault lasts; SOAK has them for the long form."""
MOST_GROWTH = 16 << 20
"""Bytes by which the sensor may be larger after all of them than when it had just started."""
RECOVERED_S = 90.0
RUNS = 5
"""Programs that are run during each fault."""

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
    """A sensor under faults, its ingest, and programs with numbers that are run before their eyes."""

    def __init__(self, process: "subprocess.Popen[str]", faults: Faults, ingest: Running) -> None:
        self.process, self.faults, self.ingest = process, faults, ingest
        self.log: list[str] = []
        self.happened: set[str] = set()
        self.began_with = 0
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(iter(self.process.stderr.readline, ""))

    def run_one(self) -> str:
        """Run a program that is known by its last argument."""
        argument = f"0.03{os.getpid()}{len(self.happened):04d}"
        subprocess.run(["sleep", argument], check=True)
        self.happened.add(argument)
        return argument

    def run_elsewhere(self) -> None:
        """Run a program from a directory where none ran before, which the sensor then wants to watch."""
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([shutil.copy("/bin/true", directory)], check=True)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The newest of a kind."""
        query = {"limit": "500", "kind": kind}
        answer = httpx.get(f"{self.ingest.url}/v1/events", params=query, headers=READING, timeout=20, trust_env=False)
        return list(answer.raise_for_status().json()["events"])

    def told(self) -> set[str]:
        """Which of the programs the ingest knows."""
        execs = self.events("process.exec")
        return self.happened & {(event["process"].get("args") or [""])[-1] for event in execs}

    def sees(self) -> bool:
        """Whether a program that is run now is told soon."""
        argument = self.run_one()
        return self.until(lambda: argument in self.told(), 3.0)

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

    def reports(self) -> list[dict[str, Any]]:
        """The `health` of what the sensor has said of itself."""
        return [e["health"] for kind in ("sensor.start", "sensor.heartbeat", "sensor.stop") for e in self.events(kind)]


@pytest.fixture(scope="module")
def rig(need: Need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    need(platform.machine() == "x86_64" and os.getuid() == 0, "root on x86-64, for its system calls' numbers")
    need(can_be_asked(), "to be asked about system calls: seccomp's listener and pidfd_getfd(2)")
    data, spool = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("spool")
    with running(data) as ingest:
        command = [sys.executable, "-m", "sensor.cli", "run"]
        with faulty(command, _environment(ingest, spool)) as (process, faults):
            found = Rig(process, faults, ingest)
            assert found.until(lambda: bool(found.events("sensor.start")), RECOVERED_S), "".join(found.log)
            assert found.until(found.sees, RECOVERED_S), "".join(found.log)
            found.began_with = found.resident()
            yield found


def _environment(ingest: Running, spool: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SENSOR_", "INGEST_"))}
    return clean | {
        "SENSOR_INGEST_URL": ingest.url,
        "SENSOR_INGEST_TOKEN": WRITE_TOKEN,
        "SENSOR_SPOOL_DIR": str(spool),
        "SENSOR_STOP_DEADLINE": "4",
        "SENSOR_HEARTBEAT": "5",
        "SENSOR_FOLD": "off",
    }


@pytest.mark.parametrize("case", [case for case in CASES if case.short or SOAK], ids=named)
def test_the_sensor_outlives_it_and_recovers(rig: Rig, case: Case) -> None:
    before = rig.faults.injected.total()
    with rig.faults.failing(case.calls, case.error):
        end = time.monotonic() + FAULT_S
        for _ in range(RUNS):
            rig.run_one()
            rig.run_elsewhere()
        assert rig.until(lambda: time.monotonic() > end and rig.faults.injected.total() > before, RECOVERED_S)
    assert rig.until(rig.sees, RECOVERED_S), "".join(rig.log)[-6000:]


def test_what_happened_was_told_or_is_within_what_was_told_as_lost(rig: Rig) -> None:
    """The last one: it stops the sensor, which had no reason to grow."""
    resident = rig.resident()
    rig.process.terminate()
    assert rig.process.wait(60) == 0, "".join(rig.log)[-6000:]
    missing = rig.happened - rig.told()
    unexplained = sum(health.get("unexplained") or 0 for health in rig.reports())
    unknown = [event["loss"]["reason"] for event in rig.events("sensor.loss") if event["loss"]["bound"] == "unknown"]
    assert len(missing) <= unexplained or unknown, (missing, unexplained)
    assert resident - rig.began_with < MOST_GROWTH
