"""From what collectors emit to what may leave: held until its process has settled, completed, matched, folded."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial

from sensor.containers.names import ContainerNames
from sensor.detect.detector import Detector
from sensor.enrich.container import ContainerStep
from sensor.enrich.fold import Fold
from sensor.enrich.hold import Hold
from sensor.enrich.masking import Masking
from sensor.enrich.process import Processes, ProcessStep
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.telemetry.log import wordless
from sensor.telemetry.trouble import Trouble

Step = Callable[[Event], Event]
"""One small change to an event; returns another event, or the same one."""


Sink = Callable[[Event], object]


class Enricher:
    """The steps in their order, and masking behind the last of them, so that nothing added before it escapes.

    Rules are asked of the event as it was before masking; what is kept and told of it is masked (ADR 0113). What is
    detected follows its event. After that the same again is folded, unless `fold` is off: an event that led to
    a detection is told by itself, with the programs above it.
    """

    def __init__(
        self,
        *,
        task: Processes,
        names: ContainerNames,
        counters: Counters,
        clock: Clock,
        fold: bool = True,
        detector: Detector | None = None,
    ) -> None:
        self._task = task
        self._names = names
        self._counters = counters
        self._clock = clock
        self._folds = fold
        self._detector = detector
        self._steps: tuple[Step, ...] = (ProcessStep(task), ContainerStep(names))
        self._mask = Masking(counters)
        self._trouble = Trouble("events are lost on their way", clock)

    async def run(self, source: AsyncIterable[Iterable[Event]], sink: Sink) -> None:
        """Enrich until the source ends, then hand on what is still held. Cancelled, it does that too."""
        later = asyncio.get_running_loop().call_later
        fold = Fold(release=self._guarded(sink), counters=self._counters, clock=self._clock, later=later)
        onward = fold.put if self._folds else sink
        if self._detector is not None:
            self._detector.start(self._guarded(onward), later)
        hold = Hold(
            settled=self._task.settled,
            release=self._guarded(partial(self._pass_on, onward)),
            counters=self._counters,
            clock=self._clock,
            later=later,
            awaited=self._names.awaited,
        )
        try:
            async for events in source:
                for event in events:
                    hold.put(event)
        finally:
            hold.flush()
            if self._detector is not None:
                self._detector.flush()
            fold.flush()

    def _pass_on(self, onward: Sink, event: Event) -> None:
        for step in self._steps:
            event = step(event)
        masked = self._mask(event)
        onward(masked)
        if self._detector is not None and event.kind in self._detector.kinds:
            for detection in self._detections(self._detector, event, masked):
                onward(detection)

    def _detections(self, detector: Detector, event: Event, masked: Event) -> list[Event]:
        """What the event led to. A fault there costs these detections, and is counted as `detect_failed`.

        The text of the fault is not logged: it may quote what was not masked yet.
        """
        try:
            return detector.detect(event, masked)
        except Exception as error:  # noqa: BLE001  # any fault of a rule, told and counted
            self._counters.lost("detect_failed", event.count)
            self._trouble.failed(f"detection, {event.kind}: {wordless(error)}")
            return []

    def _guarded(self, work: Sink) -> Callable[[Event], None]:
        """The work, of which a fault costs its event, with all that was folded into it, which is counted; and no other.

        The event does not go on without the step that failed: that might have been masking. Nor is the text of the
        fault logged, which may quote what was to be masked.
        """

        def guarded(event: Event) -> None:
            try:
                work(event)
            except Exception as error:  # noqa: BLE001  # any fault of a step, told and counted
                self._counters.lost("enrich_failed", event.count)
                self._trouble.failed(f"{event.kind}: {wordless(error)}")

        return guarded
