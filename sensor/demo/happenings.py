"""A few harmless things for the sensor to see: programs, a file, a connection."""

import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = (
    ("id",),
    ("uname", "-a"),
    ("sh", "-c", 'cp /bin/ls "$1/listing" && "$1/listing" / && sleep 0.3', "sh"),
)
CONNECTED_S = 0.5
"""Long enough for a connection to be seen while it is open."""


def happen(directory: Path, port: int) -> None:
    """Run programs, write, rename and remove a file in `directory`, and hold a connection to a loopback port."""
    for program in PROGRAMS:
        _run([*program, str(directory)] if program[0] == "sh" else list(program))
    written = directory / "notes.txt"
    written.write_text("written by fargate-sensor demo\n", encoding="utf-8")
    written.rename(directory / "renamed.txt").unlink()
    _connect(port)


def _connect(port: int) -> None:
    """Ask something and stay a while; the answer does not matter."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connection.recv(4096)
        time.sleep(CONNECTED_S)


def _run(command: list[str]) -> None:
    """What a program answers does not matter, nor whether this machine has it: others will have been seen."""
    try:
        quiet = subprocess.DEVNULL
        subprocess.run(command, stdout=quiet, stderr=quiet, timeout=10, check=False)  # noqa: S603 - of PROGRAMS
    except (OSError, subprocess.TimeoutExpired):
        return
