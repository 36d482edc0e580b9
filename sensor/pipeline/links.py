"""Links an exec to the events of the file that it runs, or preloads, where that came after its container had started,
and a detection to the event that its rule matched.

Ids are given when events are encoded, so this is done there, by container and path, of what was told before. The
collectors need not know each other for it.
"""

import os
import re
import stat
from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from sensor.model.events import Event, File, Link, Process
from sensor.model.kinds import Kind

BROUGHT_BY, CHANGED_BY, RAN_AS, MATCHED = "brought_by", "changed_by", "ran_as", "matched"

MOST_FILES = 2048
"""Programs that came at run time and are remembered; beyond it the one that was told longest ago is forgotten."""
MOST_RUNS = 256
"""Runs of such programs whose file has not been told yet."""
MOST_RECENT = 256
"""Events to which a detection can still be linked; it comes right behind its event, unless it is folded."""
SCRIPTS = 4
"""So many arguments at the beginning are taken for the script that an interpreter runs, if there is one."""
DELETED = " (deleted)"
"""Behind the path of an executable that has no name any more (proc_pid_exe(5))."""

_INTERPRETER = re.compile(r"(ba|da|a|z|k|mk|c|tc|fi)?sh|busybox|(python|perl|ruby|node|nodejs|php|lua|tclsh)[\d.]*")
_SEPARATOR = re.compile("[: ]+")
_CHANGES = frozenset({Kind.FILE_CREATE, Kind.FILE_MODIFY, Kind.FILE_DELETE, Kind.FILE_RENAME, Kind.FILE_ATTRIBUTES})
"""A detection has the file of its event, and is none of these."""

_LINKED_TO = frozenset(kind for kind in Kind if not kind.startswith("sensor.")) - {Kind.DETECTION, Kind.POSTURE}

_Name = tuple[str, str]
"""A container and a path in it."""
_Happening = tuple[object, ...]
"""What an event and its detection have in common, and hardly two events."""


class _Brought(NamedTuple):
    """The ids of the events that brought a file and last changed it; `gone` once nothing has its name."""

    first: str
    last: str
    gone: bool = False


class Links:
    """`resolve` before an event is encoded, `told` with the id that it was given then."""

    def __init__(self) -> None:
        self._files: OrderedDict[_Name, _Brought] = OrderedDict()
        self._runs: OrderedDict[_Name, str] = OrderedDict()
        self._recent: deque[tuple[_Happening, str]] = deque(maxlen=MOST_RECENT)

    def resolve(self, event: Event) -> Event:
        """The event with its links."""
        if event.kind is Kind.DETECTION:
            happening = _happening(event)
            matched = next((identity for other, identity in reversed(self._recent) if other == happening), None)
            return event if matched is None else event._replace(links=(*event.links, Link(matched, MATCHED)))
        if event.container is None:
            return event
        container = event.container.id
        links: tuple[Link, ...] = ()
        if event.kind is Kind.PROCESS_EXEC and event.process is not None:
            links = self._of_run(container, event.process)
        elif event.kind in _CHANGES and event.file is not None and event.file.drift:
            runs = (self._runs.pop((container, path), None) for path in (event.file.path, event.file.old_path) if path)
            links = tuple(Link(run, RAN_AS) for run in runs if run is not None)[:1]
        return event._replace(links=(*event.links, *links)) if links else event

    def told(self, event: Event, identity: str) -> None:
        """The event has its id; later ones may be linked to it."""
        if event.kind not in _LINKED_TO:
            return
        self._recent.append((_happening(event), identity))
        if event.container is None:
            return
        container = event.container.id
        if event.kind is Kind.CONTAINER_STOP:
            self._forget(container)
        elif event.kind in _CHANGES and event.file is not None:
            self._file(container, event, event.file, identity)
        elif event.kind is Kind.PROCESS_EXEC and event.process is not None and not event.links:
            self._run(container, event.process, identity)

    def _of_run(self, container: str, process: Process) -> tuple[Link, ...]:
        if not self._files:
            return ()
        for path in chain(_run_paths(process), _preloaded(process)):
            if path == process.exe and process.drift is False:
                continue
            if (brought := self._files.get((container, path))) is not None:
                later = () if brought.last == brought.first else (Link(brought.last, CHANGED_BY),)
                return (Link(brought.first, BROUGHT_BY), *later)
        return ()

    def _run(self, container: str, process: Process, identity: str) -> None:
        """Its file may yet be told of: a program that came at run time, or any script."""
        for path in _run_paths(process):
            if process.drift or path != process.exe:
                self._runs[container, path] = identity
                if len(self._runs) > MOST_RUNS:
                    self._runs.popitem(last=False)

    def _file(self, container: str, event: Event, file: File, identity: str) -> None:
        name = (container, file.path)
        if event.kind is Kind.FILE_DELETE:
            self._leaves(name)
            return
        before = self._files.pop(name, None)
        if event.kind is Kind.FILE_RENAME and file.old_path is not None:
            if file.mode is not None and stat.S_ISDIR(file.mode):
                self._move_below(container, file.old_path, file.path)
            before = self._files.get((container, file.old_path))
            self._leaves((container, file.old_path))
        if file.drift:
            known = before is not None and (event.kind is Kind.FILE_RENAME or not before.gone)
            self._remember(name, _Brought(before.first if before and known else identity, identity))
            if before is None and file.old_path is not None:
                # It came and was renamed in one telling: what ran from the old name has this event for its origin.
                self._remember((container, file.old_path), _Brought(identity, identity, gone=True))

    def _remember(self, name: _Name, brought: _Brought) -> None:
        self._files[name] = brought
        self._files.move_to_end(name)
        if len(self._files) > MOST_FILES:
            self._files.popitem(last=False)

    def _leaves(self, name: _Name) -> None:
        """What ran from there may be told after this."""
        if (brought := self._files.get(name)) is not None:
            self._files[name] = brought._replace(gone=True)

    def _move_below(self, container: str, old: str, new: str) -> None:
        below = [(n, b) for n, b in self._files.items() if n[0] == container and n[1].startswith(old + "/")]
        for name, brought in below:
            self._leaves(name)
            self._remember((container, new + name[1][len(old) :]), brought)

    def _forget(self, container: str) -> None:
        for known in (self._files, self._runs):
            for name in [name for name in known if name[0] == container]:
                del known[name]


def _happening(event: Event) -> _Happening:
    process, file = event.process, event.file
    return (
        event.time,
        process.entity if process is not None else None,
        file.path if file is not None else None,
        event.network,
        event.dns,
    )


def _run_paths(process: Process) -> Iterator[str]:
    """What a process runs: its executable, or the script that an interpreter was given."""
    if process.exe is not None:
        yield process.exe.removesuffix(DELETED)
    if process.exe is None or not _INTERPRETER.fullmatch(os.path.basename(process.exe)):
        return
    for word in (process.args or ())[1 : 1 + SCRIPTS]:
        if not word.startswith("-"):
            yield os.path.normpath(os.path.join(process.cwd or "/", word))


def _preloaded(process: Process) -> Iterator[str]:
    """The libraries that it was started with (ld.so(8)); those that an interpreter's script loads are not known."""
    for variable in process.preload or ():
        name, _, libraries = variable.partition("=")
        if name in ("LD_PRELOAD", "LD_AUDIT"):
            yield from _SEPARATOR.split(libraries)
