"""One run of the demo: temporary files, random tokens, the children, and their end in the right order."""

import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from sensor.config.variables import PREFIX
from sensor.demo.child import Child
from sensor.demo.ingest_client import IngestClient
from sensor.demo.intruder import Intruder
from sensor.demo.steps import Stage

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8080
READY_S = 30.0
SENSOR_STOPS_S = 15.0
INGEST_STOPS_S = 10.0


class DemoFailed(Exception):
    """The demo cannot go on; the text says why, `code` is the exit code and `log` what the child at fault said."""

    def __init__(self, reason: str, code: int = 1, log: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.log = log


class Session:
    """Use as a context: on leaving it the children have ended and the files are gone."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        self.read_token = secrets.token_urlsafe(24)
        self.ingest = IngestClient(self.url, self.read_token)
        self._children: list[Child] = []
        self._played = ExitStack()

    def __enter__(self) -> "Session":
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.default_int_handler)
        self._directory = _directory()
        self.directory = Path(self._directory.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the children; an impatient second Ctrl-C kills them."""
        try:
            self._played.close()
            for child in reversed(self._children):
                child.stop(INGEST_STOPS_S)
        finally:
            for child in self._children:
                child.stop(0)
            self._directory.cleanup()

    def start_ingest(self) -> None:
        """Start it and wait until it takes batches. Raises `DemoFailed`."""
        environ = {
            "INGEST_LISTEN": f"{LOOPBACK}:{self.port}",
            "INGEST_DATA_DIR": str(self._path("data")),
            "INGEST_READ_TOKEN_FILE": str(self._secret("read-token", self.read_token)),
            "INGEST_WRITE_TOKEN_FILE": str(self._secret("write-token", secrets.token_urlsafe(24))),
        }
        self._start("ingest", ["sensor.cli", "ingest"], environ)
        self._wait_until(self.ingest.ready)

    def start_intruder(self) -> None:
        """Start the stand-in for a web server, what it connects to, and the poller. Raises `DemoFailed`."""
        self.stage = Stage(self.directory, free_port(0))
        try:
            self.stage.set_up()
            self.intruder = self._played.enter_context(Intruder(self.directory))
        except OSError as error:
            reason = f"no program can be put into {self.directory} and run: {error.strerror}; name another in TMPDIR"
            raise DemoFailed(reason) from error
        serves = ["http.server", str(self.stage.port), "--bind", LOOPBACK, "--directory", str(self.stage.served)]
        self._start("far end", serves, {})
        self._wait_until(self._far_end_answers)
        self._start("psutil", ["sensor.demo.poller", str(self.intruder.pid)], {})
        self.poller = self._children[-1]

    def start_sensor(self) -> None:
        """Start it and wait until its first report has arrived and its rules are loaded. Raises `DemoFailed`."""
        rules = self._path("rules")
        rules.mkdir()
        (rules / "cron_table.yml").write_text(self.stage.rule(), encoding="utf-8")
        environ = {
            "SENSOR_INGEST_URL": self.url,
            "SENSOR_INGEST_TOKEN_FILE": str(self._path("write-token")),
            "SENSOR_NETWORK_LOOPBACK": "true",
            "SENSOR_FILE_PATHS": str(self.stage.watched),
            "SENSOR_RULES": str(rules),
            "SENSOR_HEARTBEAT": "5",
            "SENSOR_STOP_DEADLINE": "10",
            "SENSOR_STRICT": "true",
        }
        self._start("sensor", ["sensor.cli", "run"], environ)
        self._wait_until(lambda: bool(self.ingest.events_of("sensor.start")) and self._rules_are_loaded())

    def stop_sensor(self) -> None:
        """Let it deliver what it holds and end."""
        self._children[-1].stop(SENSOR_STOPS_S)

    def trouble(self) -> list[str]:
        """New warnings of the children. Raises `DemoFailed` when one of them has ended."""
        lines = [f"{child.name}: {line}" for child in self._children for line in child.new_trouble()]
        for child in self._children:
            _must_run(child)
        return lines

    def _far_end_answers(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.stage.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _rules_are_loaded(self) -> bool:
        """Those that ship, and then all with our own."""
        return sum("rules are loaded" in line for line in self._children[-1].log()) >= 2

    def _start(self, name: str, module: list[str], environ: dict[str, str]) -> None:
        line = [sys.executable, "-P", "-m", *module]
        self._children.append(Child(name, line, _environment() | environ, self._path(f"{name}.log")))

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for the child that was started last."""
        child, deadline = self._children[-1], time.monotonic() + READY_S
        while not ready():
            _must_run(child)
            if time.monotonic() > deadline:
                raise DemoFailed(f"the {child.name} was not ready within {READY_S:.0f} s", log=tuple(child.log()))
            time.sleep(0.1)

    def _path(self, name: str) -> Path:
        return self.directory / name

    def _secret(self, name: str, value: str) -> Path:
        """A file in our directory, which is ours alone (mode 0700), so that no token is on a command line."""
        path = self._path(name)
        path.write_text(value, encoding="ascii")
        return path


def _directory() -> "tempfile.TemporaryDirectory[str]":
    try:
        return tempfile.TemporaryDirectory(prefix="intrusion-demo-")
    except OSError as error:
        raise DemoFailed("needs a directory for temporary files; name one in TMPDIR") from error


def free_port(wanted: int | None) -> int:
    """The port wanted, else the usual one, else any that is free. Raises `DemoFailed` if the one wanted is taken."""
    for port in [wanted] if wanted is not None else [USUAL_PORT, 0]:
        try:
            with socket.create_server((LOOPBACK, port)) as probe:
                return int(probe.getsockname()[1])
        except OSError as error:
            reason = os.strerror(error.errno or 0)
    raise DemoFailed(f"port {wanted} cannot be used: {reason}; leave --port out to have a free one chosen")


def _must_run(child: Child) -> None:
    """Raise `DemoFailed` when it has ended. What ends with 2 has told in its last line what to do."""
    code = child.code()
    if code is None:
        return
    log = tuple(child.log())
    if code == 2 and log:
        raise DemoFailed(log[-1].removeprefix("fargate-sensor: "), 2, log[:-1])
    raise DemoFailed(f"the {child.name} ended with code {code}", log=log)


def _environment() -> dict[str, str]:
    """Ours without settings meant for a real sensor or ingest, and without a proxy between the two."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith((PREFIX, "INGEST_"))}
    direct = ",".join(filter(None, [environ.get("NO_PROXY") or environ.get("no_proxy"), LOOPBACK]))
    return environ | {"NO_PROXY": direct, "no_proxy": direct}
