"""`python -m sensor.app --handover FD PID [--traces]`: the second stage, told by the process PID in the descriptor FD.

The launcher of helpers is forked before anything heavy is imported, before threads exist and before the handover,
which holds the token, is read: it shares no secret and little memory. With SYS_PTRACE no helper is ever needed, and no
launcher but for a tracer. The imports take about as long as the first stage, which is waited for after them.
"""

import os
import sys

from collectors import helper_launcher
from sensor.telemetry.hardening import harden


def main() -> int:
    """Run until told to stop; the exit code of the sensor."""
    measures = harden()  # before all else: until then siblings may look at the handover
    descriptor, checker, traces = _handover(sys.argv[1:])
    os.set_inheritable(descriptor, False)
    launcher = helper_launcher.start(descriptor) if traces or helper_launcher.is_needed() else None

    from sensor.app.sidecar import run
    from sensor.config.handover import ended, take

    return ended(checker) or run(take(descriptor), launcher, measures)


def _handover(arguments: list[str]) -> tuple[int, int, bool]:
    """The descriptor, the process that writes it, and whether a tracer is asked for; by hand, since argparse would take
    half a megabyte in every task for this."""
    match arguments:
        case ["--handover", descriptor, checker, *rest] if (
            descriptor.isdecimal() and checker.isdecimal() and rest in ([], ["--traces"])
        ):
            return int(descriptor), int(checker), bool(rest)
    sys.exit("sensor.app: is started by `fargate-sensor run` and `fargate-sensor watch`, with --handover FD PID")


if __name__ == "__main__":
    sys.exit(main())
