"""`fargate-sensor doctor`: what can be seen here and what not, why, and what would mend it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from collectors.procfs import Procfs
from sensor.commands.arguments import Parser
from sensor.config.validate import Checked, check
from sensor.config.variables import PREFIX
from sensor.containers.platform import detect
from sensor.doctor import aws, destination, ecs, machine, pod, report, resources, rules, senses, spool
from sensor.doctor.check import Check, degraded, ok, unavailable, worst
from sensor.model.protocols import HOST, Status

ABOUT = """\
Tells what the sensor can see from here and what not, why, and what would mend it. Nothing is changed or collected.
Takes the options and SENSOR_* variables of `fargate-sensor run`, to check them.
Exit codes: 0 when nothing is unavailable, 1 otherwise: also where a setting or an option is wrong."""


def main(argv: list[str]) -> int:
    """Look at everything, tell it, and say with the exit code whether something is unavailable."""
    parser = Parser("doctor", ABOUT, "fargate-sensor doctor --json")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options, rest = parser.parse_known_args(argv)
    configured = bool(rest) or any(key.startswith(PREFIX) for key in os.environ)
    checks = list(all_checks(check(os.environ, rest), configured))
    if options.json:
        sys.stdout.write(report.as_json(checks))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        sys.stdout.write(report.as_text(checks, shutil.get_terminal_size((120, 24)).columns, colour))
    return 1 if worst(checks) is Status.UNAVAILABLE else 0


def all_checks(checked: Checked, configured: bool) -> Iterator[Check]:
    """Everything there is to look at, in the order in which it is told."""
    procfs = Procfs()
    yield from machine.checks(procfs, os.uname().release, checked.settings.node_name)
    platform = detect(os.environ, machine.own_container(procfs), checked.settings.node_name)
    if found := pod.check(platform, os.geteuid(), machine.effective(procfs.read("self/status", 16_384))):
        yield found
    yield from resources.checks(Path("/sys/fs/cgroup"), contained=machine.own_container(procfs) != HOST)
    seen: list[str] = []
    yield from senses.checks(checked.settings, seen)
    if found := ecs.check(os.environ, seen):
        yield found
    yield from configuration(checked, configured)
    for look in (rules.check, spool.check, destination.check, aws.check):
        if found := look(checked.settings):
            yield found


def configuration(checked: Checked, configured: bool) -> Iterator[Check]:
    """A check for each problem and warning, or one that says there is none. `configured`: any setting was given."""
    name = "configuration"
    if not configured:
        yield degraded(name, "nothing is set; `run` needs an ingest, `watch` and `demo` do not", "see `run --help`")
        return
    if not checked.problems and not checked.warnings:
        yield ok(name)
    yield from (unavailable(name, line) for line in checked.problems)
    yield from (degraded(name, line) for line in checked.warnings)
