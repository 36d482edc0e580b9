"""From what collectors emit to what may leave: held until its process has settled, completed, named, masked."""

import asyncio
from collections.abc import AsyncIterable, Callable

from sensor.containers.names import ContainerNames
from sensor.enrich.container import ContainerStep
from sensor.enrich.hold import Hold
from sensor.enrich.masking import Masking
from sensor.enrich.process import Processes, ProcessStep
from sensor.model.clock import Clock
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.telemetry.trouble import Trouble

Step = Callable[[Event], Event]
"""One small change to an event; returns another event, or the same one."""


class Enricher:
    """The steps in their order. Masking comes last, so that nothing added before it escapes."""

    def __init__(self, *, task: Processes, names: ContainerNames, counters: Counters, clock: Clock) -> None:
        self._task = task
        self._counters = counters
        self._clock = clock
        self._steps: tuple[Step, ...] = (ProcessStep(task), ContainerStep(names), Masking(counters))
        self._trouble = Trouble("events are lost on their way", clock)

    async def run(self, source: AsyncIterable[Event], sink: Callable[[Event], object]) -> None:
        """Enrich until the source ends, then hand on what is still held. Cancelled, it does that too."""

        def release(event: Event) -> None:
            self._hand_on(event, sink)

        hold = Hold(
            settled=self._task.settled,
            release=release,
            counters=self._counters,
            clock=self._clock,
            later=asyncio.get_running_loop().call_later,
        )
        try:
            async for event in source:
                hold.put(event)
        finally:
            hold.flush()

    def _hand_on(self, event: Event, sink: Callable[[Event], object]) -> None:
        """Through the steps to the sink. A fault there costs this event, which is counted, and no other one.

        The event does not go on without the step that failed: that might have been masking.
        """
        try:
            for step in self._steps:
                event = step(event)
            sink(event)
        except Exception as error:  # noqa: BLE001  # any fault of a step, told and counted
            self._counters.lost("enrich_failed")
            self._trouble.failed(f"{event.kind}: {type(error).__name__}: {error}")
