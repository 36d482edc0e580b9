"""What a sensor does that cannot go on: it stays, and says so, for as long as its end would hurt the others."""

import logging
import signal
import time

from sensor.model.clock import Clock
from sensor.telemetry.pulse import INTERVAL_S, Pulse

ENDING = (signal.SIGTERM, signal.SIGINT)
YOUNG_S = 600.0
"""A pod's container that ends younger is started again after a delay that doubles up to five minutes, in which the pod
is not ready (Kubernetes, "Pod Lifecycle", CrashLoopBackOff); one that is older is started at once."""

log = logging.getLogger("sensor")


def park(pulse: Pulse, clock: Clock, born: float) -> None:
    """Return when a signal asks for the end. `born` is when the sensor began, in monotonic seconds.

    Its sign of life ceases at `YOUNG_S`: a platform that goes by health may then have it started anew.
    """
    log.error("nothing is collected any more; the sensor waits for SIGTERM")
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    while clock.monotonic() - born < YOUNG_S:
        pulse.beat_or_tell(parked=True)
        if signal.sigtimedwait(ENDING, INTERVAL_S) is not None:
            return
    signal.sigwait(ENDING)


def uptime(_path: str) -> bytes:
    """What /proc/uptime begins with, without a descriptor: there may be none left."""
    return b"%d" % time.clock_gettime(time.CLOCK_BOOTTIME)
