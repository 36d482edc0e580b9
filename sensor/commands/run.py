"""`fargate-sensor run`, first stage: the configuration is checked whole, then the second stage takes over.

A deployed sensor never ends by its own fault, because a crash loop makes a pod unready. With a wrong configuration
it is started parked: it collects nothing, says why, and waits for SIGTERM. `--strict` ends it instead.
"""

import logging
import os
import sys

from sensor.commands import second_stage
from sensor.config.handover import Handover
from sensor.config.settings import Settings
from sensor.config.validate import Checked, check
from sensor.telemetry.log import configure

log = logging.getLogger("sensor.config")

HELP = """\
usage: fargate-sensor run [OPTIONS]

The sidecar: watches the processes, files and connections of its task and ships what happens.

options, each also SENSOR_<NAME> in the environment (with its default):
{options}

A token is given by SENSOR_INGEST_TOKEN or --ingest-token-file, never on the command line.
Exit codes: 0 when told to stop, 2 when the configuration is wrong and --strict is set.

For example: fargate-sensor run --ingest-url https://ingest.example.org --ingest-token-file /run/secrets/token
"""


def main(argv: list[str]) -> int:
    """Check, tell what is wrong, and become the second stage."""
    if "-h" in argv or "--help" in argv:
        from sensor.config.document import lines  # a start does without it

        sys.stdout.write(HELP.format(options="\n".join(lines())))
        return 0
    checked = _checked(argv)
    tell(checked)
    if checked.problems and checked.settings.strict:
        return 2
    if checked.problems:
        log.error("nothing is collected until the configuration is mended; the sensor waits for SIGTERM")
    return second_stage.start(Handover(checked.settings, checked.problems))


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
