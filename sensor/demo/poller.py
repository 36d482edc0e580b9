"""What the usual way sees: every process below one, asked for ten times a second with psutil, as lines of JSON."""

import json
import sys
import time

import psutil

EVERY_S = 0.1


def main(pid: int) -> None:
    """Write each process below `pid`, once, and each connection that one of them was seen with, until it has ended."""
    top = psutil.Process(pid)
    told: set[tuple[object, ...]] = set()
    due = time.monotonic()
    while top.is_running():
        for process in _below(top):
            _look(process, told)
        due += EVERY_S
        time.sleep(max(0.0, due - time.monotonic()))


def _below(top: psutil.Process) -> list[psutil.Process]:
    try:
        return top.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _look(process: psutil.Process, told: set[tuple[object, ...]]) -> None:
    """One process; what ended between two questions counts with what was answered before."""
    try:
        started = process.create_time()
        args = process.cmdline()
        _tell(told, (process.pid, started, *args), {"pid": process.pid, "args": args})
        for connection in process.net_connections():
            if connection.raddr:
                _tell(told, (process.pid, started, connection.raddr), {"connection": str(connection.raddr.ip)})
    except psutil.Error:
        return


def _tell(told: set[tuple[object, ...]], key: tuple[object, ...], line: dict[str, object]) -> None:
    if key not in told:
        told.add(key)
        sys.stdout.write(json.dumps({"time": time.time_ns(), **line}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
