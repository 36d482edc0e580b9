"""Folds what runs again and again in the same way (health checks, cron, shell loops) into one event with a `count`.

The first `FIRST` runs of a program go out as they are. Later ones are held until they have ended: if that was as
before, exec and exit are folded into those of the runs before it, which leave at the end of a window. Whatever is new
tells the whole story: an exit with another code goes out with its exec, a new program with the programs above it, and
what still runs when a window ends is told by itself. So only what came and went as usual is folded. A program is known
for as long as it comes again within `FORGOTTEN_S`, and while it does its windows grow, so that a check every thirty
seconds is quiet too. While nothing is held there is no timer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sensor.enrich.fold_key import fold_key
from sensor.model.clock import Clock, Later, Timer
from sensor.model.counters import Counters
from sensor.model.events import Event, Process
from sensor.model.kinds import Kind

FIRST = 3
WINDOW_S = 60.0
LONGEST_WINDOW_S = 300.0
"""Each window of a program that goes on is twice as long as the one before, up to this."""
TOGETHER_S = 1.0
"""Windows that end so close to each other end together: a tree stays whole, and one wake-up will do."""
FORGOTTEN_S = 120.0
MOST_ROUTINES = 512
"""Programs that are known at once. The one that has not come for longest is forgotten, and counts as new again."""
MOST_RUNNING = 256
"""Processes held at once; further ones go out as they are."""
MOST_PROGRAMS = 8
"""Programs that are held of one process; one that executes more is told of, with all that were held."""
MOST_TOLD = 2048
"""Processes remembered to have been told of, so that their end is told as well."""
MOST_ENDS = 8
"""Ways to end that are known of one program; any other is always told."""

_NEWS = frozenset({Kind.PROCESS_IDENTITY, Kind.DETECTION})
"""Kinds that make a process worth telling of, however usual its program is."""


@dataclass(slots=True)
class Runs:
    """Runs that ended alike: the events of the last one, and the counts of those that it replaced."""

    last: tuple[Event, ...]
    replaced: list[int]

    def told(self) -> list[Event]:
        """One event of each kind for all of them."""
        return [e._replace(count=e.count + n) for e, n in zip(self.last, self.replaced, strict=True)]


@dataclass(slots=True, eq=False)
class Routine:
    """One program that is run in the same way. `seen` and `due`, the end of its window, are in monotonic seconds.

    `ends` are the keys of the exits that were told of; `running` counts the execs held; `folded` has the runs that are
    over, by how they ended.
    """

    seen: float
    told: int = 0
    window: float = WINDOW_S
    due: float | None = None
    running: int = 0
    ends: set[bytes] = field(default_factory=set)
    folded: dict[bytes, Runs] = field(default_factory=dict)

    def learn(self, end: bytes | None) -> None:
        """From now on a process may end this way without being told of."""
        if end is not None and len(self.ends) < MOST_ENDS:
            self.ends.add(end)

    def fold(self, end: bytes, *events: Event) -> int:
        """Add a run that is over; its facts replace those of the one before it. Returns how many events that saves."""
        runs = self.folded.get(end)
        if runs is None:
            self.folded[end] = Runs(events, [0] * len(events))
            return 0
        for at, event in enumerate(runs.last):
            runs.replaced[at] += event.count
        runs.last = events
        return len(events)


class Fold:
    """`put` events in; `release` gets them out again, later and fewer, with the same sum of counts.

    Counts `folded`: the events that were made part of another one.
    """

    def __init__(self, *, release: Callable[[Event], None], counters: Counters, clock: Clock, later: Later) -> None:
        self._release = release
        self._counters = counters
        self._clock = clock
        self._later = later
        self._routines: dict[bytes, Routine] = {}
        self._held: dict[str, list[tuple[Routine, Event]]] = {}
        self._told: dict[str, Routine | None] = {}
        self._open: dict[Routine, None] = {}
        self._timer: Timer | None = None
        self._rings: float | None = None

    def put(self, event: Event) -> None:
        """Release the event now, or hold it."""
        process = event.process
        if process is not None and event.kind is Kind.PROCESS_EXEC:
            self._take_exec(event, process)
        elif process is not None and event.kind is Kind.PROCESS_EXIT:
            self._take_exit(event, process)
        else:
            if process is not None and event.kind in _NEWS:
                self._tell_above(process)
                self._tell_held(process.entity)
            self._release(event)

    def flush(self) -> None:
        """Release all that is held."""
        self._close(list(self._open))
        self._wake_when_due()

    def _take_exec(self, event: Event, process: Process) -> None:
        routine = self._routine(event)
        known = routine is not None and routine.told >= FIRST and process.entity not in self._told
        if routine is not None and known and self._has_room(process.entity):
            self._hold(event, process, routine)
            return
        self._tell_above(process)
        self._tell_held(process.entity)
        self._tell(event, process.entity, routine)

    def _has_room(self, entity: str) -> bool:
        held = self._held.get(entity)
        return len(self._held) < MOST_RUNNING if held is None else len(held) < MOST_PROGRAMS

    def _take_exit(self, event: Event, process: Process) -> None:
        """An exit goes the way of its exec, unless the process ended as none before it."""
        if (held := self._held.get(process.entity)) is not None:
            end = fold_key(event)
            if end is not None and end in held[-1][0].ends:
                self._fold(self._held.pop(process.entity), end, event)
                return
            self._tell_held(process.entity)
        if (routine := self._told.pop(process.entity, None)) is not None:
            routine.learn(fold_key(event))
        self._release(event)

    def _routine(self, event: Event) -> Routine | None:
        """What is known of the event's program, None where it must not be folded; it is now the one seen last."""
        key = fold_key(event)
        if key is None:
            return None
        now = self._clock.monotonic()
        routine = self._routines.pop(key, None)
        if routine is None or (routine.due is None and now - routine.seen > FORGOTTEN_S):
            routine = Routine(now)
        routine.seen = now
        self._routines[key] = routine
        if len(self._routines) > MOST_ROUTINES:
            self._close([self._routines.pop(next(iter(self._routines)))])
            self._wake_when_due()
        return routine

    def _hold(self, event: Event, process: Process, routine: Routine) -> None:
        """Keep the exec until its process has ended or its window is over."""
        self._held.setdefault(process.entity, []).append((routine, event))
        routine.running += 1
        if routine.due is None:
            routine.due = self._clock.monotonic() + routine.window
            self._open[routine] = None
            self._wake_when_due()

    def _fold(self, held: list[tuple[Routine, Event]], end: bytes, event: Event) -> None:
        """A held process has ended as usual; its last program takes the exit along, the ones before it have none."""
        for routine, _ in held:
            routine.running -= 1
        routine, program = held.pop()
        saved = routine.fold(end, program, event)
        for routine, program in held:
            saved += routine.fold(b"", program)
        self._counters.add("folded", saved)

    def _tell(self, event: Event, entity: str, routine: Routine | None) -> None:
        if routine is not None:
            routine.told += 1
        self._told.pop(entity, None)
        self._told[entity] = routine
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]
        self._release(event)

    def _tell_held(self, entity: str) -> None:
        """Tell of a process that is held after all, with all of its programs and those above it."""
        held = self._held.pop(entity, [])
        for routine, event in held:
            if event.process is not None:
                self._tell_above(event.process)
            routine.running -= 1
            self._tell(event, entity, routine)
            if not routine.running and not routine.folded and routine.due is not None:
                self._shut(routine)
        if held:
            self._wake_when_due()

    def _tell_above(self, process: Process) -> None:
        if self._held:
            for ancestor in reversed(process.ancestors):
                self._tell_held(ancestor.entity)

    def _close(self, routines: list[Routine]) -> None:
        """The end of their windows: what still runs is told by itself, what is over with its count."""
        for routine in routines:
            if routine.running:
                for entity in [e for e, held in self._held.items() if any(r is routine for r, _ in held)]:
                    self._tell_held(entity)
        for routine in routines:
            self._release_folded(routine)
            self._shut(routine)

    def _release_folded(self, routine: Routine) -> None:
        if not routine.folded:
            return
        over, routine.folded = [event for runs in routine.folded.values() for event in runs.told()], {}
        routine.window = min(2 * routine.window, LONGEST_WINDOW_S)
        for event in over:
            self._release(event)

    def _shut(self, routine: Routine) -> None:
        routine.due = None
        self._open.pop(routine, None)

    def _tick(self) -> None:
        self._timer = self._rings = None
        until = self._clock.monotonic() + TOGETHER_S
        self._close([r for r in self._open if r.due is not None and r.due <= until])
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        """One timer, for the window that ends first; none while no window is open."""
        first = min((routine.due for routine in self._open if routine.due is not None), default=None)
        if first == self._rings:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._rings = first
        self._timer = None if first is None else self._later(max(0.0, first - self._clock.monotonic()), self._tick)
