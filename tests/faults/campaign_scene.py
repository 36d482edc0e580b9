"""Run by test_faults_campaign as PID 1 of PID, network and mount namespaces of its own, which nobody else disturbs.

One sensor lives through rounds of trouble, while an app does things with names: it is stopped, its queues in the kernel
overflow, its wall clock is set, PIDs go round many times a second, its ingest does not answer. After each it must see
again by itself. Prints what was found as JSON: `campaign_scene.py DIRECTORY SECONDS...`, of which each is a round.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dns_bytes
from deeds import RESOLVER, Deeds
from ingest_process import Running, running
from ingest_samples import WRITE_TOKEN
from ledger import DNS, FILE, NETWORK, PROCESS
from loopback_interface import loopback_up
from needs import kernel
from observed import Observed, until

RECOVERED_S = 120.0
EACH = 8
"""Deeds of each kind in each trouble."""
HOUR_NS = 3600 * 10**9
NOTICES = 16_384
"""What the kernel's queue holds by default (fs.inotify.max_queued_events), half as often there and gone is more."""
SOCKETS = 20_000
"""More ends than a receive buffer of 8 MiB holds, where we get that much."""
FEW_PIDS = 340
"""pid_max while numbers go round: 40 of them."""
FORKS = "i=0; while [ $i -lt 400 ]; do (:); i=$((i+1)); done"
PID_MAX = Path("/proc/sys/kernel/pid_max")
OF_ITS_OWN = (6, 14)
"""The first kernel on which a PID namespace has a pid_max of its own; before it this would set the machine's."""


class Campaign:
    """The sensor, its ingest and its app. `recovered` are seconds by the name of the trouble, the longest."""

    def __init__(self, directory: Path, ingest: Running) -> None:
        self._files = directory / "files"
        self._files.mkdir()
        self._clock = directory / "clock"
        self._clock.write_bytes(bytes(8))
        self._log = (directory / "log").open("wb")
        self._ingest = ingest
        self._deeds = Deeds(self._files)
        self.observed = Observed(ingest, self._deeds)
        script = Path(__file__).with_name("stepped_sensor.py")
        self.sensor = subprocess.Popen(
            [sys.executable, str(script), str(self._clock)], env=self._environment(), stderr=self._log
        )
        self.recovered: dict[str, float] = {}
        self.happened = self._deeds.happened

    def troubles(self) -> list[Callable[[float], None]]:
        """All of them, each taking so many seconds."""
        numbers = [self.numbers_go_round] if kernel() >= OF_ITS_OWN else []
        return [self.stopped, self.overflown, self.clock_set, *numbers, self.ingest_is_stopped]

    def go_through(self, trouble: Callable[[float], None], seconds: float) -> None:
        """One of them, and the recovery: something of each kind is done after it, and told."""
        trouble(seconds)
        begin = time.monotonic()
        assert until(self.sees, RECOVERED_S), f"blind after {trouble.__name__}"
        took = time.monotonic() - begin
        self.recovered[trouble.__name__] = round(max(took, self.recovered.get(trouble.__name__, 0.0)), 1)

    def sees(self) -> bool:
        """Whether what is done now is told soon, of every kind."""
        assert self.sensor.poll() is None, f"the sensor has ended with {self.sensor.returncode}"
        deeds = {PROCESS: self._deeds.program, FILE: self._deeds.file, NETWORK: self._deeds.socket}
        done = [(kind, deed()) for kind, deed in {**deeds, DNS: self._deeds.query}.items()]
        return until(lambda: all(self.observed.knows(kind, name) for kind, name in done), 5.0)

    def stopped(self, seconds: float) -> None:
        """As by SIGSTOP of root beside it, all these seconds."""
        with _still(self.sensor.pid):
            self._do_some()
            time.sleep(seconds)
        self._do_some()

    def overflown(self, _: float) -> None:
        """More happens at once than the kernel keeps for a sensor that gets no CPU."""
        busy = self._files / "busy"
        with _still(self.sensor.pid):
            self._do_some()
            for _ in range(NOTICES // 2):
                busy.touch()
                busy.unlink()
            for _ in range(SOCKETS):
                with socket.socket(type=socket.SOCK_DGRAM) as made:
                    made.bind(("127.0.0.1", 0))
            self._do_some()

    def clock_set(self, seconds: float) -> None:
        """An hour ahead, an hour back, and right again."""
        for offset in (HOUR_NS, -HOUR_NS, 0):
            self._set_clock(offset)
            self._do_some()
            time.sleep(seconds / 12)

    def _set_clock(self, offset: int) -> None:
        """In place: the sensor has the file mapped, and one that was cut short in between would kill it (SIGBUS)."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("=q", offset))

    def numbers_go_round(self, seconds: float) -> None:
        """Thirty times a second, faster than anybody looks."""
        before, end = PID_MAX.read_text(), time.monotonic() + seconds / 3
        PID_MAX.write_text(str(FEW_PIDS))
        try:
            while time.monotonic() < end:
                storm = subprocess.Popen(["sh", "-c", FORKS])
                self._deeds.program()
                assert storm.wait() == 0
        finally:
            PID_MAX.write_text(before)

    def ingest_is_stopped(self, seconds: float) -> None:
        """It neither takes nor refuses a connection's bytes."""
        with _still(self._ingest.process.pid):
            self._do_some()
            time.sleep(seconds / 3)

    def end(self) -> None:
        """Stop the sensor as the platform does."""
        self.sensor.terminate()
        assert self.sensor.wait(60) == 0

    def _do_some(self) -> None:
        for _ in range(EACH):
            self._deeds.program()
            self._deeds.file()
            self._deeds.socket()
            self._deeds.query()

    def _environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SENSOR_", "INGEST_"))}
        return clean | {
            "SENSOR_INGEST_URL": self._ingest.url,
            "SENSOR_INGEST_TOKEN": WRITE_TOKEN,
            "SENSOR_FILE_PATHS": str(self._files),
            "SENSOR_HEARTBEAT": "5",
            "SENSOR_FOLD": "off",
            "SENSOR_NETWORK_FOLD": "off",
            "SENSOR_DAILY_MB": "0",
            "SENSOR_STOP_DEADLINE": "10",
        }


class _still:  # noqa: N801 - reads as what it does: with _still(pid)
    """A process that is stopped for the length of a block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)


def resolve() -> None:
    """Answer every question."""
    with socket.socket(type=socket.SOCK_DGRAM) as serving:
        serving.bind(RESOLVER)
        while True:
            asked, client = serving.recvfrom(512)
            name = asked[12 : asked.index(b"\0", 12)]
            labels, at = [], 0
            while at < len(name):
                labels.append(name[at + 1 : at + 1 + name[at]].decode())
                at += 1 + name[at]
            ident = int.from_bytes(asked[:2], "big")
            serving.sendto(dns_bytes.answer(dns_bytes.address("192.0.2.1"), ident=ident, text=".".join(labels)), client)


def nothing(_: float) -> None:
    """No trouble: what a quiet sensor sees."""


def campaign(directory: Path, rounds: list[float]) -> dict[str, object]:
    """All rounds, and what is found at their end."""
    loopback_up()
    threading.Thread(target=resolve, daemon=True).start()
    with running(directory) as ingest:
        made = Campaign(directory, ingest)
        try:
            assert until(made.observed.started, RECOVERED_S), "no sensor.start"
            made.go_through(nothing, 0)
            sizes = []
            for seconds in rounds:
                for trouble in made.troubles():
                    made.go_through(trouble, seconds)
                sizes.append(made.observed.memory()[-1])
            made.end()
            verdict = made.observed.verdict()
            return {
                "faults": verdict.faults(),
                "excused": verdict.excused,
                "deeds": len(made.happened),
                "losses": made.observed.losses(),
                "recovered": made.recovered,
                "memory": sizes,
            }
        finally:
            made.sensor.kill()


if __name__ == "__main__":
    print(json.dumps(campaign(Path(sys.argv[1]), [float(seconds) for seconds in sys.argv[2:]])))
