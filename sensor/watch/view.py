"""Which events a person is shown, and how each becomes a line."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable

from sensor.model.events import Timestamp
from sensor.model.times import NS, from_rfc3339
from sensor.telemetry.losses import UNEXPLAINED
from sensor.watch.text import CYAN, DIM, PLAIN, RED, YELLOW, Piece, line, padded
from sensor.watch.unseen import Unseen
from sensor.watch.words import Plain, part, peer, program, words

BRIEF = frozenset(
    {
        "process.exec",
        "file.create",
        "file.modify",
        "file.delete",
        "file.rename",
        "file.attributes",
        "container.start",
        "container.stop",
        "detection",
        "posture",
        "sensor.start",
        "sensor.loss",
    }
)
"""What is shown without `--all`, besides destinations that are new and reports that tell of what went unseen."""

REPORTS = frozenset({"sensor.start", "sensor.heartbeat", "sensor.stop"})

REMEMBERED = 10_000
"""Destinations kept to tell the new ones; after that the oldest counts as new again."""

_STYLES = {"detection": RED, "posture": RED, "sensor.loss": YELLOW}


def render(event: Plain, colour: bool, width: int) -> str:
    """One event in one line: local time, container, process and user, what happened."""
    process = part(event, "process")
    actor = f"{program(process)}[{process.get('pid', '?')}] {process.get('user') or process.get('uid', '?')}"
    return line(
        [
            *_start(event),
            Piece(padded(actor if process else "-", 24)),
            Piece(" " + words(event), _STYLES.get(event["kind"], PLAIN)),
        ],
        width,
        colour,
    )


class WatchView:
    """Turns each record into its line or lines, or into nothing. Give one to the `stdout` shipper as its `render`."""

    def __init__(self, everything: bool, colour: bool, width: Callable[[], int]) -> None:
        self._everything = everything
        self._colour = colour
        self._width = width
        self._destinations: dict[tuple[str, ...], None] = {}
        self._before: dict[str, Counter[str]] = {}
        self._unseen = Unseen()

    def __call__(self, record: bytes) -> bytes | None:
        """The line for one JSON record, sometimes several, without a line end; `None` when it is not shown."""
        event = json.loads(record)
        if self._everything:
            return _encoded([render(event, self._colour, self._width())])
        if part(event, "evidence").get("source") == "snapshot":
            self._count(event)
            return None
        lines = self._summary(event)
        if (shown := self._briefly(event)) is not None:
            lines.append(render(shown, self._colour, self._width()))
        return _encoded(lines)

    def _briefly(self, event: Plain) -> Plain | None:
        """The event as it is shown without `--all`, None where it is not."""
        telling = self._unseen(event) if event["kind"] in REPORTS else None
        if telling is not None:
            return telling
        if part(event, "loss").get("reason") == UNEXPLAINED:
            return None  # the report that follows tells of it, with the share that was seen
        return event if event["kind"] in BRIEF or self._is_new_destination(event) else None

    def _count(self, event: Plain) -> None:
        """Remember what was there before us, and where it was connected to."""
        self._is_new_destination(event)
        if event["kind"] == "process.exec":
            self._before.setdefault(_container(event), Counter())[program(part(event, "process"))] += 1

    def _summary(self, event: Plain) -> list[str]:
        """A line a container about what ran before, once something else is heard."""
        before, self._before = self._before, {}
        return [self._summarised(event["time"], container, names) for container, names in before.items()]

    def _summarised(self, when: str, container: str, names: Counter[str]) -> str:
        listed = ", ".join(f"{name} {n}" if n > 1 else name for name, n in names.most_common(8))
        more = ", …" if len(names) > 8 else ""
        were = "1 process was" if names.total() == 1 else f"{names.total()} processes were"
        text = f"{were} running already: {listed}{more}"
        return line([*_heading(when, container), Piece(text, DIM)], self._width(), self._colour)

    def _is_new_destination(self, event: Plain) -> bool:
        network = part(event, "network")
        if event["kind"] not in ("network.connect", "network.flow") or "dst" not in network:
            return False
        if network.get("direction") != "outbound":
            return False
        key = _container(event), program(part(event, "process")), peer(network)
        if key in self._destinations:
            return False
        if len(self._destinations) >= REMEMBERED:
            del self._destinations[next(iter(self._destinations))]
        self._destinations[key] = None
        return True


def for_terminal(descriptor: int, everything: bool) -> WatchView:
    """The view for a terminal: as wide as it is at each moment, in colours unless NO_COLOR is set (no-color.org)."""

    def width() -> int:
        try:
            return os.get_terminal_size(descriptor).columns or 120
        except OSError:
            return 120

    return WatchView(everything, os.isatty(descriptor) and not os.environ.get("NO_COLOR"), width)


def _start(event: Plain) -> list[Piece]:
    return _heading(event["time"], _container(event))


def _heading(when: str, container: str) -> list[Piece]:
    return [Piece(_clock(from_rfc3339(when)) + " ", DIM), Piece(padded(container, 14), CYAN)]


def _container(event: Plain) -> str:
    container = part(event, "container")
    return str(container.get("name") or str(container.get("id") or "")[:12] or "host")


def _clock(when: Timestamp) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when // NS))


def _encoded(lines: list[str]) -> bytes | None:
    return "\n".join(lines).encode("utf-8", "backslashreplace") if lines else None
