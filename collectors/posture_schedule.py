"""When which container is looked at: soon after it came, a minute later, for what is new in it, and then seldom."""

from dataclasses import dataclass, field

FIRST_S = 5.0
"""After a container came: its programs have started by then."""
SECOND_S = 60.0
"""After the first look: what starts slowly listens by then, and has given up the rights that it began with."""
AGAIN_S = 30.0
"""Between two looks at least, however many new programs there are."""
ROUND_S = 600.0
"""Between two looks where nothing is new."""
MOST_PROGRAMS = 64
"""Programs that are known of a container; further ones wait for its next round."""


@dataclass(slots=True)
class _Place:
    due: float
    looked: float | None = None
    second: float = 0.0
    """When the look after the first one is due, whatever brings others nearer."""
    programs: set[str] = field(default_factory=set)


class Schedule:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def came(self, container_id: str, now: float) -> None:
        """A container is there."""
        self._places[container_id] = _Place(now + FIRST_S)

    def went(self, container_id: str) -> None:
        """It is not there any more."""
        self._places.pop(container_id, None)

    def knows(self, container_id: str) -> bool:
        """Whether it is there."""
        return container_id in self._places

    def ran(self, container_id: str, program: str, now: float) -> bool:
        """A program runs in a container; whether that brings a look nearer."""
        place = self._places.get(container_id)
        if place is None or program in place.programs or len(place.programs) >= MOST_PROGRAMS:
            return False
        place.programs.add(program)
        if place.looked is None:
            return False  # the first look is near
        due = max(now + FIRST_S, place.looked + AGAIN_S)
        nearer = due < place.due
        place.due = min(due, place.due)
        return nearer

    def next_due(self) -> float | None:
        """When the next look is due; None while there is no container."""
        return min((place.due for place in self._places.values()), default=None)

    def take(self, now: float) -> str | None:
        """The container that has been due for longest, which counts as looked at; None where none is due."""
        due = [(place.due, container_id) for container_id, place in self._places.items() if place.due <= now]
        if not due:
            return None
        container_id = min(due)[1]
        place = self._places[container_id]
        if place.looked is None:
            place.second = now + SECOND_S
        place.due = place.second if now < place.second else now + ROUND_S
        place.looked = now
        return container_id
