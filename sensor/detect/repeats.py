"""The same detection again: told at once the first time, then once a window with its `count`.

The same is the same rule in the same container, of the same program with the same arguments, file and destination. A
rule that finds `MOST_DIFFERENT` different things in a container within a window finds one more: the rest of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sensor.model.clock import Clock, Later, Timer
from sensor.model.counters import Counters
from sensor.model.events import Event, Network
from sensor.model.weight import weight

WINDOW_S = 60.0
LONGEST_WINDOW_S = 3600.0
"""Each window of what goes on is twice as long as the one before, up to this."""
MOST_DIFFERENT = 20
MOST_KNOWN = 2048
"""Detections known at once, in all containers; the one that began first is forgotten, and counts as new again."""
MOST_HELD = 2 * 2**20
"""Bytes of the arguments of those that are kept to be told; beyond it the one that began first is told."""

Key = tuple[object, ...]


@dataclass(slots=True)
class Window:
    """What came since a detection was told: the latest of it and how many there were."""

    due: float
    length: float
    latest: Event | None = None
    count: int = 0
    different: set[Key] = field(default_factory=set)


class Repeats:
    """`put` detections in; `release` gets the first of each at once, and what came after it as one event."""

    def __init__(self, *, release: Callable[[Event], None], counters: Counters, clock: Clock, later: Later) -> None:
        self._release = release
        self._counters = counters
        self._clock = clock
        self._later = later
        self._windows: dict[Key, Window] = {}
        self._held = 0  # bytes of arguments, of the latest in each window
        self._timer: Timer | None = None
        self._rings = 0.0  # monotonic seconds

    def is_new(self, event: Event) -> bool:
        """Whether the detection is to be told now; if not, it is kept and counted."""
        group, key = self._window(_place(event)), key_of(event)
        if key not in group.different:
            if len(group.different) >= MOST_DIFFERENT:
                return self._fold(group, event)
            group.different.add(key)
        window = self._windows.get(key)
        if window is None:
            self._window(key)
            return True
        return self._fold(window, event)

    def flush(self) -> None:
        """Tell all that is kept."""
        windows, self._windows = self._windows, {}
        for window in windows.values():
            self._tell(window)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fold(self, window: Window, event: Event) -> bool:
        self._held += _weight(event) - _weight(window.latest)
        window.latest = event
        window.count += event.count
        self._counters.add("detections_folded", event.count)
        if self._held > MOST_HELD:
            self._tell(next(window for window in self._windows.values() if _weight(window.latest)))
        return False

    def _window(self, key: Key) -> Window:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(self._clock.monotonic() + WINDOW_S, WINDOW_S)
            if len(self._windows) > MOST_KNOWN:
                self._tell(self._windows.pop(next(iter(self._windows))))
            self._wake_by(window.due)
        return window

    def _wake_by(self, due: float) -> None:
        """One timer, for the window that ends first: a new one ends before those that have grown."""
        if self._timer is not None:
            if self._rings <= due:
                return
            self._timer.cancel()
        self._rings = due
        self._timer = self._later(due - self._clock.monotonic(), self._tick)

    def _tick(self) -> None:
        """End the windows that are over: what came is told and goes on, what did not is forgotten."""
        self._timer = None
        now = self._clock.monotonic()
        for key, window in list(self._windows.items()):
            if window.due > now:
                continue
            if window.count:
                self._tell(window)
                window.length = min(2 * window.length, LONGEST_WINDOW_S)
                window.due = now + window.length
                window.different.clear()
            else:
                del self._windows[key]
        first = min((window.due for window in self._windows.values()), default=None)
        if first is not None:
            self._wake_by(max(first, now + 1.0))

    def _tell(self, window: Window) -> None:
        if window.latest is not None:
            event, count = window.latest, window.count
            self._held -= _weight(event)
            window.latest, window.count = None, 0
            self._release(event._replace(count=count))


def key_of(event: Event) -> Key:
    """What is the same in detections of the same."""
    return (*_place(event), *_what(event))


def _place(event: Event) -> Key:
    rule = event.detection.rule_id if event.detection is not None else ""
    return rule, event.container.id if event.container is not None else ""


def _weight(event: Event | None) -> int:
    return 0 if event is None or event.process is None else weight(event.process.args)


def _what(event: Event) -> Key:
    """Of arguments their hash: there may be 32 KiB of them."""
    process, file, network, dns = event.process, event.file, event.network, event.dns
    return (
        (process.exe, hash(process.args)) if process is not None else None,
        file.path if file is not None else None,
        _far_end(network) if network is not None else None,
        dns.question if dns is not None else None,
    )


def _far_end(network: Network) -> Key:
    """Of a listener, which has none, the port that it listens on."""
    return (network.dst, network.dst_port) if network.dst is not None else (None, network.src_port)
