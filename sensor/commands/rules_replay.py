"""Rules asked of recorded events as the running sensor asks them: with the task of each and the process above it."""

from sensor.detect.engine import Engine, Verdict
from sensor.model.events import Event, Header, Process

MOST_KNOWN = 20_000
"""Processes that may be somebody's parent; the one that was not asked for the longest is forgotten."""


class Replay:
    """One pass over a recording, in its order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, Process] = {}

    def verdict(self, event: Event, header: Header | None) -> Verdict:
        """What the rules say of the next event. A parent that the recording does not tell of was not read."""
        verdict = self._engine.verdict(event, None if header is None else lambda: header, self._parent_of)
        if event.process is not None:
            self._learn(event.process)
        return verdict

    def _learn(self, process: Process) -> None:
        if process.args is None and process.entity in self._known:
            return
        self._known.pop(process.entity, None)
        self._known[process.entity] = process
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def _parent_of(self, event: Event) -> Process | None:
        if event.process is None or not event.process.ancestors:
            return None
        entity = event.process.ancestors[0].entity
        if (parent := self._known.pop(entity, None)) is not None:
            self._known[entity] = parent
        return parent
