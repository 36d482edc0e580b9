"""`fargate-sensor health`: whether the sensor of this container is alive. For container health checks, so: cheap.

The running sensor writes its sign of life into its own comm (proc_pid_comm(5), 15 bytes): `sensor ok 81234`, or
`sensor pk 81234` when it is parked, with the second of the system's uptime. No file and no socket is needed, and a
read-only root is fine. Every module imported here is paid for at each check: os and sys only.
"""

import os
import sys

PERIOD = 100_000
"""The seconds of uptime are written modulo this, five digits, to fit the 15 bytes."""

STALE = 60
"""Seconds without a sign of life after which the sensor counts as stuck; it gives one about every 10."""

HELP = """\
usage: fargate-sensor health

Exit 0 when the sensor in this container gave a sign of life within the last minute, 1 otherwise. A parked sensor
(its configuration is wrong, or a fault has ended its work) is alive: a failing health check could take the application
down with it.

For example, in a task definition: "healthCheck": {"command": ["CMD", "fargate-sensor", "health"]}
"""


def main(argv: list[str], proc: str = "/proc") -> int:
    """Tell in one line how the sensor is. `proc` is where procfs is mounted."""
    if argv:
        wanted = argv in (["-h"], ["--help"])
        (sys.stdout if wanted else sys.stderr).write(HELP if wanted else "fargate-sensor health: takes no options\n")
        return 0 if wanted else 2
    signs = signs_of_life(proc)
    if not signs:
        sys.stderr.write("unhealthy: no sensor runs in this container\n")
        return 1
    age, state = min(signs)
    if age > STALE:
        sys.stderr.write(f"unhealthy: the sensor's last sign of life was {age} s ago\n")
        return 1
    sys.stdout.write("parked: see the log\n" if state == "pk" else f"ok: sign of life {age} s ago\n")
    return 0


def signs_of_life(proc: str) -> list[tuple[int, str]]:
    """Age in seconds and state of each sensor in our container that runs as our user.

    Children keep the comm they were forked with, so that the youngest sign is the one that counts.
    """
    own_root = _root_device(f"{proc}/self")
    own_uid = os.getuid()
    found = []
    for pid in filter(str.isdigit, os.listdir(proc)):
        process = f"{proc}/{pid}"
        try:
            words = _read(f"{process}/comm").split()
            if _is_sign(words) and _uid(process) == own_uid and _root_device(process) == own_root:
                found.append(((_uptime(proc) - int(words[2])) % PERIOD, words[1]))
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked, or is no sensor
    return found


def _is_sign(words: list[str]) -> bool:
    return len(words) == 3 and words[0] == "sensor" and words[1] in ("ok", "pk") and words[2].isdecimal()


def _uptime(proc: str) -> int:
    """Read after the sign, which would otherwise be able to lie in the future."""
    return int(float(_read(f"{proc}/uptime").split()[0]))


def _uid(process: str) -> int:
    """The real uid. The owner of the directory will not do: it is root where the process is not dumpable."""
    return int(_read(f"{process}/status").split("\nUid:", 1)[1].split()[0])


def _root_device(process: str) -> str:
    """The device of `/`, different for each container (proc_pid_mountinfo(5)); the last mount on it is on top."""
    mounts = [line.split(" ") for line in _read(f"{process}/mountinfo").splitlines()]
    return [mount[2] for mount in mounts if mount[4] == "/"][-1]


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
