"""`fargate-sensor run`: the configuration is checked whole (`first_stage`) while the second stage starts."""

from __future__ import annotations

import sys

from sensor.commands import second_stage

TYPE_CHECKING = False  # as `typing` has it, which a start does without
if TYPE_CHECKING:
    from sensor.config.handover import Handover

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
    """Become the second stage, beside the check of what it shall do."""
    if "-h" in argv or "--help" in argv:
        from sensor.config.document import lines  # a start does without it

        sys.stdout.write(HELP.format(options="\n".join(lines())))
        return 0
    return second_stage.start(lambda: _checked(argv), argv)


def _checked(argv: list[str]) -> Handover | int:
    from sensor.commands.first_stage import handover  # pydantic comes with it

    return handover(argv)
