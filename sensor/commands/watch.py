"""`fargate-sensor watch`: live events on standard output, for a person or, piped, as JSON lines."""

import os
import sys

from sensor.commands import second_stage
from sensor.commands.arguments import Parser
from sensor.config.handover import Handover, View

ABOUT = """\
Shows live what happens in this task: new programs, new destinations, file changes and detections.
Takes the options and SENSOR_* variables of `fargate-sensor run` as well, such as --network-loopback or --no-files.
Piped, or with --json, every event is one JSON object a line. The log goes to standard error."""

LIVELY = {"SENSOR_BATCH_AGE": "0.2", "SENSOR_LOG_LEVEL": "warning"}
"""A person waits less gladly than a destination, and reads events, not the log; what the user sets wins."""

EVERYTHING = {"destinations": "stdout", "stdout_all": "true", "stdout_line_bytes": "4194304"}


def main(argv: list[str]) -> int:
    """Become a second stage that writes to standard output."""
    parser = Parser("watch", ABOUT, "fargate-sensor watch --all --for 10")
    parser.add_argument("--json", action="store_true", help="every event as a JSON object, one a line")
    parser.add_argument("--all", action="store_true", help="every event, with what was there before")
    parser.add_run_for()
    options, settings = parser.parse_known_args(argv)
    view = _view(as_json=options.json or not sys.stdout.isatty(), everything=options.all)
    return second_stage.start(lambda: _checked(settings, view, options.run_for), settings)


def _checked(settings: list[str], view: View, run_for: float | None) -> Handover | int:
    from sensor.commands.first_stage import WRONG, tell  # pydantic comes with it
    from sensor.config.validate import check

    checked = check(LIVELY | dict(os.environ), settings, forced=EVERYTHING)
    tell(checked)
    return WRONG if checked.problems else Handover(checked.settings, view=view, run_for=run_for)


def _view(*, as_json: bool, everything: bool) -> View:
    if as_json:
        return View.JSON
    return View.PERSON_ALL if everything else View.PERSON
