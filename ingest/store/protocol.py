"""What every store promises the ingest. `tests/contract/test_store.py` holds each implementation to it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ingest.store.rows import Rows
from sensor.model.events import Container, Timestamp

PAGE_BYTES = 8 * 1024 * 1024
"""A page of events or tasks ends early when its texts pass this: a thousand huge ones do not fill the memory."""


class Appended(NamedTuple):
    """How a batch was taken: events now stored for the first time, and those that were there already."""

    accepted: int
    duplicates: int


class Query(NamedTuple):
    """Which events are wanted; `None` and the empty tuple stand for any.

    `container` is an id or a name, and `""` asks for what ran in no container. `since` (included) and `until` (not
    included) are ns of the event's own time. `text` is words between blanks: each of them must be somewhere in the JSON
    text, whatever the case of ASCII letters. An address with its port, `10.0.0.1:443` or `[fd00::1]:443`, is two words.
    `cursor` is an arrival number: only later ones are given, or only earlier ones with `newest_first`.
    """

    task: str | None = None
    kinds: tuple[str, ...] = ()
    container: str | None = None
    entity: str | None = None
    pid: int | None = None
    since: int | None = None
    until: int | None = None
    lane: str | None = None
    text: str | None = None
    newest_first: bool = True
    limit: int = 100
    cursor: int | None = None


class Found(NamedTuple):
    """One event: its arrival number, which only grows, and its public JSON text."""

    arrival: int
    text: str


class Page(NamedTuple):
    """Events in the order asked for. `reached` is the last arrival looked at, matching or not; `more` says whether
    there is something beyond it. A page may be short, even empty, and still have more: looking is bounded in time.
    `oldest` is the oldest arrival that was stored then, as in `State`: what came before it was not looked at.
    """

    events: Sequence[Found]
    reached: int
    more: bool
    oldest: int


class SensorSeen(NamedTuple):
    """One run of a sensor that reported for a task; times are when its batches came in.

    `principal` is who has proven to be that task, in each and every batch of the run; None where it is only claimed.
    `stopped` is whether its `sensor.stop` has come. `not_arrived` are the numbers between the first and the last that
    came of a lane, under which nothing did: numbers have no gaps, so those events were lost on the way or held back.
    """

    id: str
    epoch: str
    version: str
    config: str | None
    first_seen: Timestamp
    last_seen: Timestamp
    principal: str | None
    stopped: bool
    not_arrived: int


class Catch(NamedTuple):
    """New processes that sensors reported to have seen, and the most that may have gone unseen."""

    seen: int
    unexplained: int


class TaskSummary(NamedTuple):
    """A task as a whole. `header` is the JSON form of `task` and `pod` as last reported; one that
    was proven is replaced only by who has proven it.

    `events`, `containers` and `detections` count what is stored now. `losses` and `catch` are what its sensors said of
    themselves for as long as any of their events are kept: the larger of the losses told one by one and the running
    totals (both may tell of the same), and the sums over all health reports. `last_hour` sums the reports that came in
    within the last hour. `sensors` has the newest runs first, twenty at most. `identity` is `verified` where every run
    that has events proved to be this task, and all of them the same principal; `claimed` where none did, else `mixed`.
    `stopped` is whether the run that began last has stopped.
    """

    id: str
    platform: str | None
    first_seen: Timestamp
    last_seen: Timestamp
    events: int
    containers: int
    detections: int
    losses: int
    catch: Catch
    last_hour: Catch
    header: Mapping[str, Any]
    sensors: tuple[SensorSeen, ...]
    identity: str
    stopped: bool


class TaskPage(NamedTuple):
    """Tasks, the one heard of last first; `more` says whether there are any behind them."""

    tasks: Sequence[TaskSummary]
    more: bool


class Place(NamedTuple):
    """Where a listing of tasks goes on: behind the one of that name, which was last heard of then (ns)."""

    last_seen: int
    name: str


class State(NamedTuple):
    """The store as a whole. `oldest` and `latest` are arrival numbers; with nothing stored `oldest` is `latest` + 1."""

    bytes: int
    events: int
    tasks: int
    oldest: int
    latest: int


class Store(Protocol):
    """Keeps events, each once, and answers questions about them.

    Every method may raise `StoreUnavailable`, the questions also `StoreSlow`. None of them blocks the event loop.
    """

    async def append(self, rows: Rows) -> Appended:
        """Store what is not there yet, the whole batch or nothing; on return it survives a loss of power.

        Raises `StoreTooSmall` for a batch that would not fit if all else were deleted; nothing is, then.
        """
        ...

    async def events(self, query: Query) -> Page:
        """The events that match."""
        ...

    async def tasks(self, limit: int, text: str | None = None, behind: Place | None = None) -> TaskPage:
        """The tasks that have events, at most `limit` of them.

        Each word of `text` must be somewhere in the name, the platform or the header, as in `Query`.
        """
        ...

    async def task(self, name: str) -> TaskSummary | None:
        """One task, None when nothing of it is stored."""
        ...

    async def containers(self, task: str, limit: int) -> Sequence[Container]:
        """The containers of a task that have events, the newest `limit` in the order in which they were first seen."""
        ...

    async def news(self, after: int, timeout_s: float) -> int:
        """The latest arrival, as soon as it is greater than `after`, or when the time is over."""
        ...

    async def state(self) -> State:
        """Sizes and bounds."""
        ...

    async def retain(self) -> int:
        """Delete what is too old or too much, and give the space back; the number of events deleted.

        Nothing is too old within an hour after the clock was seen to leap ahead, or after the store was opened where
        nothing had come in for an hour.
        """
        ...

    async def check(self) -> None:
        """Raise `StoreUnavailable` if writing is not possible."""
        ...

    async def aclose(self) -> None:
        """Finish what is being written and close. Safe to call more than once."""
        ...
