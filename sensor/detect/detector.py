"""The step of enrichment that detects: what an event matches becomes detection events, suppressed or folded."""

from collections import Counter
from collections.abc import Callable

from sensor.detect.acts import Acts
from sensor.detect.compact import Rule, RuleSet
from sensor.detect.engine import Engine
from sensor.detect.repeats import Repeats
from sensor.detect.suppressions import Suppressions
from sensor.model.clock import Clock, Later
from sensor.model.counters import Counters
from sensor.model.events import Detection, Event, Header, Process
from sensor.model.kinds import Kind


class Detector:
    """Rules that may be exchanged while it runs. Counts `suppressed`, `detections_folded` and
    `detections_undecided`.

    `undecided` tells the last by the id of the rule: events that it would match if what was not read of them were not
    there, and might not match if it were known. `kinds` are those in which it may find anything.
    """

    def __init__(
        self,
        *,
        header: Callable[[], Header],
        current: Callable[[str], Process | None],
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._header = header
        self._current = current
        self._counters = counters
        self._clock = clock
        self._acts = Acts()
        self._repeats: Repeats | None = None
        self.undecided: Counter[str] = Counter()
        self.use(Engine(RuleSet()))

    def use(self, engine: Engine) -> None:
        """Match with the rules of this engine from now on."""
        self._engine = engine
        self.kinds = engine.kinds
        self._suppressions = Suppressions(engine.rules.suppressions)

    def start(self, release: Callable[[Event], None], later: Later) -> None:
        """Say where detections go that are told later than the event they came from."""
        self._repeats = Repeats(release=release, counters=self._counters, clock=self._clock, later=later)

    def detect(self, event: Event, masked: Event) -> list[Event]:
        """The detections of an event that are to be told at once. Its rules are asked of `event`; what is kept and told
        is `masked`, the same without its secrets."""
        found, undecided = self._engine.verdict(event, self._header, self._parent_of)
        if not found and not undecided:
            return []
        header = self._header()
        for rule in undecided:
            self._left_undecided(rule, masked, header)
        return [told for rule in found if (told := self._told(rule, masked, header)) is not None]

    def flush(self) -> None:
        """Tell what was kept back."""
        if self._repeats is not None:
            self._repeats.flush()

    def _told(self, rule: Rule, event: Event, header: Header) -> Event | None:
        told = detection_event(rule, event)
        if not (fresh := self._acts.fresh(event.kind, told)):
            return None
        if self._suppressions.of(rule, event, header) is not None:
            self._counters.add("suppressed", fresh)
            return None
        told = told._replace(count=fresh)
        return told if self._repeats is None or self._repeats.is_new(told) else None

    def _left_undecided(self, rule: Rule, event: Event, header: Header) -> None:
        if self._suppressions.of(rule, event, header) is None:
            self._counters.add("detections_undecided", event.count)
            self.undecided[rule.id] += event.count

    def _parent_of(self, event: Event) -> Process | None:
        process = event.process
        return self._current(process.ancestors[0].entity) if process is not None and process.ancestors else None


def detection_event(rule: Rule, event: Event) -> Event:
    """What the rule found: the event with all its parts, under the kind `detection`. The two are linked where the event
    gets its id (`sensor.pipeline.links`).

    The author goes along because the licence of public rules (DRL 1.1) asks for it.
    """
    return event._replace(
        kind=Kind.DETECTION,
        detection=Detection(rule.id, rule.title, rule.level, rule.author, rule.tags),
    )
