"""The play as text: the tree with the detections on it, and what each way of looking saw of each step."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sensor.demo.findings import Play, Seen, Told
from sensor.demo.steps import Step
from sensor.watch.words import part, peer

LEVELS = ("critical", "high", "medium", "low", "informational")
WIDTH = 110
"""Of a line of the tree."""


def detected(event: Told) -> str:
    """`high    A web server starts a shell`."""
    detection = part(event, "detection")
    return f"{detection.get('level', '?'):<8} {detection.get('title')}"


def cause(event: Told) -> str:
    """What was matched: a file's path, the far end of a connection, or a command line."""
    if "file" in event:
        return str(part(event, "file").get("path"))
    if "network" in event:
        return peer(part(event, "network"))
    return command(part(event, "process"))


def command(process: Told) -> str:
    """The arguments, or the program where they are not known."""
    return shlex.join(process.get("args") or ()) or str(process.get("exe") or "?")


def tree(play: Play, events: Sequence[Told]) -> list[str]:
    """The processes below the stand-in, each with what was detected of it, and then what hangs on none of them."""
    processes = _processes(play, events)
    notes: dict[Any, list[str]] = {}
    for event in events:
        if event["kind"] == "detection" and play.has(event):
            entity = part(event, "process").get("entity")
            path = part(event, "file").get("path")
            note = detected(event) + (f": {play.short(path)}" if path else "")
            notes.setdefault(entity if entity in processes else None, []).append(note)
    top = [entity for entity, process in processes.items() if process["pid"] == play.server]
    lines = [line for entity in top for line in _branch(play, entity, processes, notes, "")]
    return lines + [f"! {note}" for note in _ranked(notes.get(None, ()))]


def table(steps: Sequence[Step], sensor: Sequence[Seen], poller: Sequence[Seen]) -> list[str]:
    """A line for each step, and one that counts those of which anything was seen."""
    lines = [f"  {'':<46}{'sensor':<48}psutil, asked 10 times a second"]
    for number, (step, ours, theirs) in enumerate(zip(steps, sensor, poller, strict=False), 1):
        lines.append(f"{number} {step.title:<46}{ours!s:<48}{theirs}")
    of = f"of {min(len(sensor), len(poller))}"
    mine = f"{sum(map(any, sensor))} {of}, {sum(bool(seen.detections) for seen in sensor)} detected"
    return [*lines, f"  {'steps of which something was seen':<46}{mine:<48}{sum(map(any, poller))} {of}"]


def _processes(play: Play, events: Iterable[Told]) -> Mapping[str, Told]:
    """By identity, in order of time: the first that was told of each, else what its children know of it."""
    found: dict[str, dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: str(event["time"])):
        process = part(event, "process")
        if not process or not play.has(event):
            continue
        ancestors = process.get("ancestors", ())
        for above in ancestors:
            found.setdefault(above["entity"], dict(above))
        if "args" not in found.setdefault(process["entity"], dict(process)):
            found[process["entity"]].update(process)
        for below, above in zip([process, *ancestors], ancestors, strict=False):
            found[below["entity"]]["above"] = above["entity"]
    return found


def _branch(
    play: Play, entity: str, processes: Mapping[str, Told], notes: Mapping[Any, Sequence[str]], indent: str
) -> Iterator[str]:
    process = processes[entity]
    name = process.get("exe") if process["pid"] == play.server else None
    yield f"{indent}{play.short(name or command(process))}"[:WIDTH]
    for note in _ranked(notes.get(entity, ())):
        yield f"{indent}  ! {note}"
    for below, child in processes.items():
        if child.get("above") == entity:
            yield from _branch(play, below, processes, notes, indent + "    ")


def _ranked(notes: Iterable[str]) -> list[str]:
    """The gravest first."""
    return sorted(notes, key=lambda note: (LEVELS.index(level) if (level := note.split()[0]) in LEVELS else -1, note))
