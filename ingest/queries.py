"""`GET /v1/tasks`, `/v1/tasks/{id}/tree` and `/v1/events`."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ingest import parameters, tree
from ingest.answers import Refused, answer, answer_text, retry_later
from ingest.store.protocol import Catch, Store, TaskPage, TaskSummary
from ingest.store.rows import identity
from sensor.model.clock import Clock
from sensor.model.counters import catch_rate
from sensor.model.events import Container, Timestamp
from sensor.model.times import to_rfc3339

TREES = 1
"""Trees made at once: one was seen to take 400 MB where a sensor had made it large, and more would be no faster."""


class Queries:
    """Answers questions from the store. Every handler may raise `Refused` or a `StoreError`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._making = asyncio.Semaphore(TREES)

    async def tasks(self, request: Request) -> Response:
        """A page of the tasks, the one heard of last first; `truncated` when there are more, from the cursor `next`."""
        asked = parameters.parsed(parameters.Tasks, request.query_params)
        page = await self._store.tasks(asked.limit, asked.q, asked.cursor)
        return await asyncio.to_thread(_tasks_answer, page, self._clock.wall())

    async def tree(self, request: Request) -> Response:
        """The processes of one task, by container. Who has gone away while others had their turn gets none."""
        parameters.parsed(parameters.Nothing, request.query_params)
        name = request.path_params["task"]
        summary = await self._store.task(name)
        if summary is None:
            raise Refused(404, f"no events of a task {name!r} are stored")
        async with self._making:
            if await request.is_disconnected():
                raise retry_later(503, "whoever asked for this tree is gone", 1)
            history = await tree.history(self._store, name)
            containers = await self._store.containers(name, tree.MOST_CONTAINERS + 1)
            return await asyncio.to_thread(_tree_answer, summary, history, containers, self._clock.wall())

    async def events(self, request: Request) -> Response:
        """One page of events; `next` is the cursor of the page after it, null on the last one."""
        query = parameters.parsed(parameters.Listing, request.query_params).query()
        page = await self._store.events(query)
        following = json.dumps(str(page.reached) if page.more else None)
        return answer_text(f'{{"events":[{",".join(found.text for found in page.events)}],"next":{following}}}')


def _tasks_answer(page: TaskPage, now: Timestamp) -> Response:
    """Made in a thread: a full page takes a good part of a second."""
    following = f"{page.tasks[-1].last_seen}/{page.tasks[-1].id}" if page.more else None
    tasks = [task_to_json(summary) for summary in page.tasks]
    return answer({"tasks": tasks, "truncated": page.more, "next": following, "now": to_rfc3339(now)})


def _tree_answer(
    summary: TaskSummary, history: tree.History, containers: Sequence[Container], now: Timestamp
) -> Response:
    """Made in a thread: a large tree takes a good part of a second."""
    forest = tree.forest(history.texts, containers)
    truncated = history.truncated or forest.truncated
    plain = {"task": task_to_json(summary), "containers": forest.containers, "truncated": truncated}
    return answer(plain | {"now": to_rfc3339(now)})


def task_to_json(summary: TaskSummary) -> dict[str, Any]:
    """A task as clients see it; `task` and `pod` are there where its sensors told them."""
    plain: dict[str, Any] = summary._asdict() | {
        "first_seen": to_rfc3339(summary.first_seen),
        "last_seen": to_rfc3339(summary.last_seen),
        "sensors": [
            sensor._asdict()
            | {"first_seen": to_rfc3339(sensor.first_seen), "last_seen": to_rfc3339(sensor.last_seen)}
            | identity(sensor.principal)
            for sensor in summary.sensors
        ],
    }
    del plain["header"], plain["catch"]
    return {**plain, **_catch(summary.catch), "last_hour": _catch(summary.last_hour), **summary.header}


def _catch(catch: Catch) -> dict[str, Any]:
    return catch._asdict() | {"catch_rate": catch_rate(*catch)}
