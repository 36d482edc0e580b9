"""The first stage of `run`: what is wrong with the configuration is told, and what shall be done is handed over.

A deployed sensor never ends by its own fault, because a crash loop makes a pod unready. With a wrong configuration
it is started parked: it collects nothing, says why, and waits for SIGTERM. `--strict` ends it instead.
"""

import logging
import os

from sensor.config.handover import Handover
from sensor.config.settings import Settings
from sensor.config.validate import Checked, check
from sensor.telemetry.log import configure

log = logging.getLogger("sensor.config")

WRONG = 2
"""The exit code for a configuration that is wrong."""


def handover(argv: list[str]) -> Handover | int:
    """What the second stage is told, or the exit code with which it ends."""
    checked = _checked(argv)
    tell(checked)
    if checked.problems and checked.settings.strict:
        return WRONG
    if checked.problems:
        log.error("nothing is collected until the configuration is mended; the sensor waits for SIGTERM")
    return Handover(checked.settings, checked.problems)


def tell(checked: Checked) -> None:
    """All problems and warnings in the log, a line each."""
    configure(checked.settings.log_level)
    for line in checked.warnings:
        log.warning("%s", line)
    for line in checked.problems:
        log.error("%s", line)


def _checked(argv: list[str]) -> Checked:
    try:
        return check(os.environ, argv)
    except Exception as error:  # noqa: BLE001 - a fault of ours parks the sensor as well, and is told
        return Checked(Settings(), (f"the configuration could not be checked: {type(error).__name__}",))
