"""What belongs to the play among all that the sensor told of this machine, and to which of its steps."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sensor.model.times import from_rfc3339
from sensor.watch.words import part

Told = Mapping[str, Any]
"""An event in its JSON form."""


class Play(NamedTuple):
    """When each step began, in nanoseconds since 1970; the PID of the stand-in and its container, as the sensor names
    it; and the directory of it all."""

    begins: Sequence[int]
    server: int
    directory: Path
    container: str | None = None

    def has(self, event: Told) -> bool:
        """Whether the event is of the stand-in, of what it started, or of a file in the directory.

        Where others share the directory, as services with a mount namespace of their own do, they tell of it too.
        """
        if self.container is not None and part(event, "container").get("id") != self.container:
            return False
        process = part(event, "process")
        pids = [process.get("pid"), *(ancestor.get("pid") for ancestor in process.get("ancestors", ()))]
        return self.server in pids or str(part(event, "file").get("path", "")).startswith(f"{self.directory}/")

    def step(self, time: int) -> int:
        """The number of the step, from 1, that was the last to begin by then; 0 before all."""
        return bisect_right(self.begins, time)

    def step_of(self, event: Told) -> int:
        """The same of an event."""
        return self.step(from_rfc3339(event["time"]))

    def short(self, text: str) -> str:
        """A text without the name of the directory, which is long and says nothing."""
        return text.replace(str(self.directory / "watched"), "…").replace(str(self.directory), "…")


class Seen(NamedTuple):
    """How much of one step was seen."""

    processes: int = 0
    files: int = 0
    connections: int = 0
    detections: int = 0

    def __str__(self) -> str:
        """`2 processes, 1 detection`, or `nothing`."""
        words = ("process", "processes"), ("file", "files"), ("connection", "connections"), ("detection", "detections")
        told = [f"{n} {one if n == 1 else more}" for n, (one, more) in zip(self, words, strict=True) if n]
        return ", ".join(told) or "nothing"


def seen_by_sensor(play: Play, events: Iterable[Told], step: int) -> Seen:
    """Of the events of this step: processes by identity, files by path, connections and detections each."""
    of_step = [event for event in events if play.has(event) and play.step_of(event) == step]
    kinds = [event["kind"] for event in of_step]
    return Seen(
        processes=len({part(e, "process").get("entity") for e in of_step if e["kind"] == "process.exec"}),
        files=len({part(e, "file").get("path") for e in of_step if e["kind"].startswith("file.")}),
        connections=kinds.count("network.connect"),
        detections=kinds.count("detection"),
    )


def seen_by_psutil(play: Play, lines: Iterable[str], step: int) -> Seen:
    """The same of what the poller wrote. What of it is no line of its own, as after a kill, is passed over."""
    processes, connections = set(), 0
    for line in lines:
        try:
            look = json.loads(line)
            if play.step(look["time"]) != step:
                continue
        except (ValueError, KeyError, TypeError):
            continue
        if "connection" in look:
            connections += 1
        else:
            processes.add(look["pid"])
    return Seen(processes=len(processes), connections=connections)
