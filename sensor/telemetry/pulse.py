"""The sensor's sign of life for container health checks, in its own comm: `sensor ok 81234`.

`fargate-sensor health` runs as another process of the container and needs no socket, no file and no right:
/proc/PID/comm is readable for everyone. The number is the system's uptime in seconds (proc_uptime(5)) modulo 100,000,
which is all that the 15 bytes of a comm hold. The beat is a task of the sensor's own loop, so a loop that hangs stops
beating.
"""

import asyncio
from collections.abc import Callable

from sensor.model.clock import Clock
from sensor.model.errors import SensorError
from sensor.telemetry.prctl import set_name
from sensor.telemetry.trouble import Trouble

INTERVAL_S = 10.0
WRAP_S = 100_000


def title(parked: bool, uptime_s: int) -> bytes:
    """The comm of a beat; 15 bytes at most."""
    return b"sensor %s %d" % (b"pk" if parked else b"ok", uptime_s % WRAP_S)


class Pulse:
    """Beats until cancelled. To be run in the main thread, whose comm is the process's.

    `read` reads a file below /proc, as `Procfs.read` does.
    """

    def __init__(
        self, *, clock: Clock, read: Callable[[str], bytes], write: Callable[[bytes], None] = set_name
    ) -> None:
        self._read = read
        self._write = write
        self._trouble = Trouble("no sign of life for health checks", clock)

    def beat(self, parked: bool = False) -> None:
        """Beat once, now. Raises what `read` and `write` raise, or ValueError."""
        self._write(title(parked, int(float(self._read("uptime").split()[0]))))

    def beat_or_tell(self, parked: bool = False) -> None:
        """The same; one that fails is told."""
        try:
            self.beat(parked)
        except (OSError, SensorError, ValueError, IndexError) as error:
            self._trouble.failed(str(error))

    async def run(self, parked: bool = False) -> None:
        """Beat every `INTERVAL_S` seconds until cancelled; a beat that fails is told, and the next one is tried."""
        while True:
            self.beat_or_tell(parked)
            await asyncio.sleep(INTERVAL_S)
