"""The events that tell of processes and containers, made from what is known of them."""

from collectors.exec_hints import Opened
from collectors.exec_telling import ExecTelling
from collectors.process_table import Tracked
from collectors.program import Program
from sensor.model.clock import Clock
from sensor.model.events import Container, Event, Evidence, Missing, Process, Timestamp
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST, Emit

SNAPSHOT = "snapshot"
"""The evidence for what was there before we watched."""
CURSOR = "cursor"
OPEN_HINT = "open_hint"
ROTATION = "rotation"
PIDFD = "pidfd"
TRACE = "trace"
"""The evidence for what a tracer saw."""

TOLD_IMAGES = 4
"""So many programs of a process are remembered as told, until its tracer tells of them too: it does so once the process
goes on, which may be in the next program by then."""

_UNREAD = ("process.args", "process.cwd", "process.uid", "process.gid")


class ProcessEvents:
    """Emits; `from_before` is set while what ran already is told."""

    def __init__(self, emit: Emit, telling: ExecTelling, clock: Clock) -> None:
        self._emit = emit
        self._telling = telling
        self._clock = clock
        self.from_before = False

    def executed(self, process: Tracked, *, by_open: bool = False, traced_at: Timestamp | None = None) -> None:
        """A program was read in the process; `by_open` if its executable is only known by the open of its file.

        `traced_at` is when it began, where a tracer saw that.
        """
        process.announced = True
        process.told = Program.of(process)
        if traced_at is None and process.image is not None and process.args is not None:
            process.told_images = (*process.told_images, process.image)[-TOLD_IMAGES:]
        source = SNAPSHOT if self.from_before else OPEN_HINT if by_open else CURSOR if traced_at is None else TRACE
        cut = (("process.args",) if process.args_cut else ()) + (("process.preload",) if process.preload_cut else ())
        at = traced_at or self._clock.wall()

        def event() -> Event:
            evidence = Evidence(source, process.missing, cut)
            return self._event(Kind.PROCESS_EXEC, evidence, process.snapshot(), process.container, at)

        self._telling.tell(process, event, from_before=self.from_before)

    def ran_unread(self, process: Tracked, opened: Opened) -> None:
        """A program ran, by the open of its file, and was gone before it could be read."""
        process.announced = True
        process.forget_program()
        process.exe = opened.path
        missing = ("process.ppid", "process.start", *_UNREAD) if process.glimpsed else ("process.args", "process.cwd")
        evidence = Evidence(OPEN_HINT, tuple(Missing(field, "gone") for field in missing))
        self._emit(self._event(Kind.PROCESS_EXEC, evidence, process.snapshot(), opened.container))

    def exited(self, process: Tracked) -> None:
        """The end of a process that was told of."""
        missing = () if process.exit_code is not None else (Missing("process.exit_code", "unsupported"),)
        evidence = Evidence(PIDFD if process.exit_time is None else TRACE, missing)
        event = self._event(Kind.PROCESS_EXIT, evidence, process.snapshot(), process.container, process.exit_time)
        self._telling.follow(process, event)

    def identity(self, process: Tracked) -> None:
        """The process runs as another user than before; when exactly it changed is not known."""
        event = self._event(Kind.PROCESS_IDENTITY, Evidence(ROTATION), process.snapshot(), process.container)
        self._telling.follow(process, event)

    def container(self, kind: Kind, container_id: str) -> None:
        """A container came or went; the plain machine is none."""
        if container_id != HOST:
            self._emit(self._event(kind, Evidence(SNAPSHOT if self.from_before else CURSOR), None, container_id))

    def _event(
        self,
        kind: Kind,
        evidence: Evidence,
        process: Process | None,
        container_id: str | None,
        at: Timestamp | None = None,
    ) -> Event:
        container = Container(container_id) if container_id else None
        return Event(kind, at or self._clock.wall(), evidence, container=container, process=process)
