"""Plays the intrusion before the sensor, and tells the detections as they come."""

import sys
import time
from collections.abc import Sequence

from sensor.demo.findings import Play, Told, seen_by_psutil, seen_by_sensor
from sensor.demo.report import cause, detected, table, tree
from sensor.demo.session import DemoFailed, Session
from sensor.demo.steps import Step, steps
from sensor.watch.words import part

STEP_S = 1.0
"""From one step to the next, so that what is told can be laid to one of them."""
SETTLES_S = 2.0
"""After the last one, for what is held back or on its way."""
TICK_S = 0.2
KINDS = (
    "process.exec",
    "file.create",
    "file.modify",
    "file.rename",
    "file.attributes",
    "file.delete",
    "network.connect",
)


class Show:
    """One performance."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._steps = steps(session.stage)
        self._begins: list[int] = []
        self._told: set[str] = set()
        self.play = Play(self._begins, session.intruder.pid, session.directory, _container(session))

    def run(self, ends: float) -> None:
        """All steps, or as many as begin before `ends` (of the monotonic clock). Raises `DemoFailed`."""
        self._tell("\nThe stage: a copy of the shell under the name php-fpm stands in for a web server")
        self._follow(STEP_S)
        for step in self._steps:
            if time.monotonic() >= ends:
                return
            self._begin(step)
            if not self._session.intruder.play(step):
                raise DemoFailed(f"step {len(self._begins)} did not come to its end: {step.title}")
            self._follow(STEP_S)
        self._follow(SETTLES_S)

    def report(self) -> str:
        """The tree, and who saw what."""
        events = [event for kind in ("detection", *KINDS) for event in reversed(self._session.ingest.all_of(kind))]
        numbers = range(1, len(self._begins) + 1)
        looks = self._session.poller.log()
        lines = table(
            self._steps,
            [seen_by_sensor(self.play, events, number) for number in numbers],
            [seen_by_psutil(self.play, looks, number) for number in numbers],
        )
        return "\n".join(["", "What was detected hangs on", *tree(self.play, events), "", *lines, ""])

    def _begin(self, step: Step) -> None:
        self._begins.append(time.time_ns())
        instead = f" ({step.instead})" if step.instead else ""
        self._tell(f"{len(self._begins)} of {len(self._steps)}: {step.title}{instead}")

    def _follow(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in self._session.trouble():
                sys.stderr.write(line + "\n")
            for event in self._new():
                self._tell(f"    {detected(event)}: {self.play.short(cause(event))}")
            time.sleep(TICK_S)

    def _new(self) -> Sequence[Told]:
        """Detections of the play that were not told yet, the oldest first."""
        found = [event for event in self._session.ingest.events_of("detection") if event["id"] not in self._told]
        self._told.update(event["id"] for event in found)
        return [event for event in reversed(found) if self.play.has(event)]

    def _tell(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _container(session: Session) -> str | None:
    """Where the sensor found the stand-in when it started; None when it has not told of it."""
    for event in session.ingest.events_of("process.exec"):
        if part(event, "process").get("pid") == session.intruder.pid:
            return str(part(event, "container")["id"]) if "container" in event else None
    return None
