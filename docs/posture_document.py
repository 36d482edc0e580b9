"""Writes posture.md from the table of checks in collectors/posture_checks.py."""

import inspect
from collections.abc import Iterable

from collectors.posture_checks import CHECKS, Check
from collectors.posture_schedule import AGAIN_S, FIRST_S, ROUND_S, SECOND_S

HEAD = f"""\
# Live posture

Written from `collectors/posture_checks.py` by `make docs`; `make check` keeps it current.

The sensor tells what is wrong with a container and only shows while it runs, as events of the kind `posture`: one for
each finding and container, with the process that shows it and what it was found by (`posture.found`). It looks
{FIRST_S:g} seconds after the container came, {SECOND_S:g} seconds later, when a program runs in it that was not there
before (at most every {AGAIN_S:g} seconds), and every {ROUND_S / 60:g} minutes. One process stands for all that run the
same program as the same user.

What was told is told again only where more of it is found, or when the container comes again; that it was mended is not
told. `SENSOR_POSTURE=off` switches it off.

Not looked at are the sensor's own container, those that AWS adds to a task (pause, the agents of GuardDuty and Service
Connect), what entered a container from outside (sessions, health checks), and a machine without containers.

Of secrets only the names of their variables leave the place where they are read, which for another user's processes is
a helper process. What could not be read is named in `evidence.missing`, or, where nothing was found at all, in the
collector's status in heartbeats.

The ids are those of `fargate-sensor check` where that checks the same before deployment.

"""


def render() -> str:
    """The whole of posture.md."""
    return HEAD + _table() + "".join(map(_section, CHECKS))


def _table() -> str:
    rows: Iterable[tuple[str, ...]] = (
        ("Check", "Severity", "Title"),
        ("---",) * 3,
        *((f"[`{check.id}`](#{check.id})", check.severity, check.title) for check in CHECKS),
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _section(check: Check) -> str:
    again = "Told once of a container." if check.once else "Told again when more of it is found."
    return f"\n## {check.id}\n\n{inspect.getdoc(check.find)}\n\n{again} To mend it: {check.remedy}\n"
