"""Whether the spool's directory can be used. Nothing is written: a sensor may be using it."""

import os

from sensor.config.settings import Settings, variable
from sensor.doctor.check import Check, degraded, ok

NAME = "spool"
MB = 1_000_000


def check(settings: Settings) -> Check | None:
    """None where no directory is configured."""
    directory = settings.spool_dir
    if directory is None:
        return None
    where = ascii(directory)[1:-1]
    if not os.path.isdir(directory):
        return degraded(NAME, f"{where} is no directory: events wait in memory", "mount a volume there")
    if not os.access(directory, os.W_OK | os.X_OK):
        return degraded(NAME, f"{where} is not writable: events wait in memory", "mount the volume writable")
    free = os.statvfs(directory)
    room = free.f_bavail * free.f_frsize
    if room < settings.spool_disk_bytes:
        wanted = f"{variable('spool_disk_bytes')} allows {settings.spool_disk_bytes / MB:.0f} MB"
        return degraded(NAME, f"{room / MB:.0f} MB are free in {where}, {wanted}", "give it a larger volume")
    return ok(NAME, f"{where}, {room / MB:.0f} MB free")
