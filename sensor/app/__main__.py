"""`python -m sensor.app --handover FD`: what the first stage execs.

The launcher of helpers is forked before anything heavy is imported, before threads exist and before the handover,
which holds the token, is read: it shares no secret and little memory.
"""

import argparse
import os
import sys

from collectors import helper_launcher
from sensor.telemetry.hardening import harden


def main() -> int:
    """Run until told to stop; the exit code of the sensor."""
    measures = harden()  # before all else: until then siblings may look at the handover
    arguments = argparse.ArgumentParser(prog="sensor.app", description="Started by `fargate-sensor run` and `watch`.")
    arguments.add_argument("--handover", type=int, required=True, metavar="FD")
    descriptor = arguments.parse_args().handover
    os.set_inheritable(descriptor, False)
    launcher = helper_launcher.start(descriptor) if os.geteuid() == 0 else None

    from sensor.app.sidecar import run
    from sensor.config.handover import take

    return run(take(descriptor), launcher, measures)


if __name__ == "__main__":
    sys.exit(main())
