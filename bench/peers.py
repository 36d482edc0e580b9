"""Other tools that see processes, run beside the sensor: psutil always, pspy and strace when they are on PATH."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from docker_cli import BASE, Container, wait_for
from fargate_task import FargateTask
from lab import Lab

Args = tuple[str, ...]
POLL_S = 0.1

_POLLER = f"""
import json, psutil, signal, sys, time
seen, going = set(), True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
while going:
    for process in psutil.process_iter():
        try:
            seen.add(tuple(process.cmdline()))
        except psutil.Error:
            continue
    time.sleep({POLL_S})
print(json.dumps(sorted(seen)))
"""
_PSPY_LINE = re.compile(r"PID=\d+ +\| (.*)")


class Watcher(Protocol):
    """Another tool in the task. `seen` ends it and gives the command lines that it saw."""

    name: str

    def seen(self) -> set[Args]:
        """The command lines."""


class Psutil:
    """The whole process list ten times a second, from a container like the sensor's."""

    name = f"psutil every {POLL_S * 1000:g} ms"

    def __init__(self, lab: Lab, task: FargateTask) -> None:
        options = [*task.shared, "--cap-add=SYS_PTRACE", "--entrypoint=python3", "--no-healthcheck"]
        self._container = lab.new("psutil", lab.images.sensor, options, ["-c", _POLLER]).start()

    def seen(self) -> set[Args]:
        """All arguments as psutil read them."""
        self._container.kill("TERM")
        self._container.wait_stopped()
        return {tuple(command) for command in json.loads(self._container.logs())}


class Pspy:
    """pspy as it comes, from a container of its own."""

    name = "pspy"

    def __init__(self, lab: Lab, task: FargateTask, program: str) -> None:
        options = [*task.shared, f"--volume={Path(program).resolve()}:/pspy:ro"]
        self._container = lab.new("pspy", BASE, options, ["/pspy", "--color=false"]).start()

    def seen(self) -> set[Args]:
        """The command lines it printed, cut at spaces: none of ours has one in an argument."""
        self._container.kill("KILL")
        self._container.wait_stopped()
        return {
            tuple(found[1].split()) for found in map(_PSPY_LINE.search, self._container.logs().splitlines()) if found
        }


class Strace:
    """strace -f from this machine, attached to an app that waits for its tracer."""

    name = "strace -f"
    _EXEC = re.compile(r"execve\(\"[^\"]*\", \[(.*)\], (?:0x|\[).*\) = 0")

    def __init__(self, app: Container, output: Path) -> None:
        self._output = output
        pid = app.inspect()["State"]["Pid"]
        command = ["strace", "-f", "-qq", "-s", "128", "-e", "trace=execve", "-o", str(output)]
        self._process = subprocess.Popen([*command, "-p", str(pid)])
        status = Path(f"/proc/{pid}/status")
        wait_for("strace has attached", lambda: "TracerPid:\t0\n" not in status.read_text())
        app.execute("touch", "/tmp/go")

    @classmethod
    def why_not(cls) -> str | None:
        """Why it cannot be had here; None where it can."""
        return None if shutil.which("strace") else "strace is not on PATH"

    def seen(self) -> set[Args]:
        """The arguments of every exec that went well."""
        wait_for("strace has ended with its app", lambda: self._process.poll() is not None)
        return {
            tuple(json.loads(f"[{found[1]}]"))
            for found in map(self._EXEC.search, self._output.read_text(errors="replace").splitlines())
            if found
        }


def beside(lab: Lab, task: FargateTask) -> list[Watcher]:
    """What watches in the same run as the sensor."""
    found: list[Watcher] = [Psutil(lab, task)]
    program = shutil.which("pspy") or shutil.which("pspy64")
    if program is not None:
        found.append(Pspy(lab, task, program))
    return found
