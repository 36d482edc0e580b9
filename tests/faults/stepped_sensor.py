"""`fargate-sensor run` with a wall clock that is off by what a file says: eight bytes, nanoseconds. Run as
`python stepped_sensor.py FILE`; both stages are this script, so that nothing but the sensor's own seam is touched.
"""

import mmap
import struct
import sys
import time
from collections.abc import Callable

from sensor.model.clock import SystemClock
from sensor.model.events import Timestamp


def stepped(path: str) -> Callable[[SystemClock], Timestamp]:
    """The kernel's time and the offset that stands in the file now."""
    with open(path, "rb") as file:
        offset = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    return lambda _: Timestamp(time.time_ns() + struct.unpack("=q", offset[:8])[0])


def first_stage(path: str) -> int:
    from sensor import cli
    from sensor.commands import second_stage

    second_stage.command = lambda *told, **_: [sys.executable, __file__, path, "--handover", *map(str, told)]
    sys.argv[1:] = ["run"]
    return cli.main()


def later_stage(path: str, arguments: list[str]) -> int:
    from sensor.app import __main__ as app

    SystemClock.wall = stepped(path)  # type: ignore[method-assign]  # the seam
    sys.argv[1:] = arguments
    return app.main()


if __name__ == "__main__":
    file, *rest = sys.argv[1:]
    sys.exit(later_stage(file, rest) if rest else first_stage(file))
