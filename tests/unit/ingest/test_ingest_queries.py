import asyncio
import json
from urllib.parse import quote

import httpx
import msgpack
import pytest
from fakes import FakeClock
from ingest_samples import APP, READING, WRITING, client_of, event, events, plain, process, send
from starlette.requests import Request
from starlette.types import Message

from ingest import tree
from ingest.answers import Refused
from ingest.queries import Queries
from ingest.store.errors import StoreSlow
from ingest.store.protocol import Page, Query, Store
from sensor.model.events import Health
from sensor.model.kinds import Kind


async def get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.get(path, headers=READING)


async def test_events_are_the_public_json(client: httpx.AsyncClient) -> None:
    await send(client, event(1, container=APP, process=process("p", 7, args=("echo", "ä"))))
    body = (await get(client, "/v1/events")).json()
    assert body["next"] is None
    (only,) = body["events"]
    assert only["id"] == "s1/e1/ordinary/1"
    assert only["task_id"] == "t1"
    assert only["process"] == {"entity": "p", "pid": 7, "args": ["echo", "ä"]}
    assert only["container"] == {"id": "c1", "name": "app", "image": "repo/app:1"}
    assert only["sensor"]["epoch"] == "e1"


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_paging_by_cursor(client: httpx.AsyncClient, order: str) -> None:
    await send(client, *events(range(1, 8)))
    seqs, cursor = [], ""
    for _ in range(3):
        body = (await get(client, f"/v1/events?limit=3&order={order}{cursor}")).json()
        seqs += [each["seq"] for each in body["events"]]
        cursor = f"&cursor={body['next']}"
    assert body["next"] is None
    assert seqs == sorted(range(1, 8), reverse=order == "desc")


async def test_wrong_parameters_are_400_and_all_named(client: httpx.AsyncClient) -> None:
    answer = await get(client, "/v1/events?limit=none&since=now")
    assert answer.status_code == 400
    assert "limit" in answer.json()["error"]
    assert "since" in answer.json()["error"]


async def test_a_task_as_listed(client: httpx.AsyncClient) -> None:
    beat = event(2, Kind.SENSOR_HEARTBEAT, health=Health(1.0, 1.0, unexplained=4, seen=96, losses={"queue_full": 3}))
    await send(client, event(1, container=APP), beat)
    body = (await get(client, "/v1/tasks")).json()
    (task,) = body["tasks"]
    assert body["truncated"] is False
    assert task["id"] == "t1"
    assert task["platform"] == "ecs-fargate"
    assert task["task"]["arn"].endswith("/t1")
    counts = {name: task[name] for name in ("events", "containers", "detections", "losses")}
    assert counts == {"events": 2, "containers": 1, "detections": 0, "losses": 3}
    caught = {name: task[name] for name in ("seen", "unexplained", "catch_rate")}
    assert caught == task["last_hour"] == {"seen": 96, "unexplained": 4, "catch_rate": 0.96}
    assert task["first_seen"] == task["last_seen"] == "2023-11-14T22:13:20.000000000Z"
    (sensor,) = task["sensors"]
    assert (sensor["id"], sensor["epoch"], sensor["version"]) == ("s1", "e1", "0.1.0")


async def test_tasks_by_page_and_by_words(client: httpx.AsyncClient) -> None:
    for n in range(5):
        await send(client, event(1), sensor=f"s{n}", task=f"job {n}x")
    names, cursor = [], ""
    for _ in range(3):
        body = (await get(client, f"/v1/tasks?limit=2{cursor}")).json()
        names += [task["id"] for task in body["tasks"]]
        assert body["truncated"] is (body["next"] is not None)
        cursor = f"&cursor={quote(body['next'] or '', safe='')}"
    assert (body["next"], sorted(names)) == (None, [f"job {n}x" for n in range(5)])
    assert [task["id"] for task in (await get(client, "/v1/tasks?q=3X+ecs")).json()["tasks"]] == ["job 3x"]


@pytest.mark.parametrize("text", ["cursor=1", "cursor=/t1", "cursor=x/t1", "limit=2000", "limit=0", "q=", "kind=x"])
async def test_wrong_parameters_of_the_list_of_tasks_are_named(client: httpx.AsyncClient, text: str) -> None:
    answer = await get(client, f"/v1/tasks?{text}")
    assert answer.status_code == 400
    assert text.split("=")[0] in answer.json()["error"]


async def test_answers_tell_the_time_of_the_ingest(store: Store) -> None:
    clock = FakeClock()
    async with client_of(store, clock) as client:
        await send(client, event(1))
        clock.advance(5)
        for path in ("/v1/tasks", "/v1/tasks/t1/tree"):
            assert (await get(client, path)).json()["now"] == "2023-11-14T22:13:25.000000000Z"


async def test_a_task_in_which_nothing_happened_has_no_rate(client: httpx.AsyncClient) -> None:
    await send(client, event(1))
    (task,) = (await get(client, "/v1/tasks")).json()["tasks"]
    assert task["last_hour"] == {"seen": 0, "unexplained": 0, "catch_rate": None}


async def test_a_pod_is_listed_by_its_uid(client: httpx.AsyncClient) -> None:
    batch = plain(event(1)) | {"pod": {"namespace": "shop", "name": "web-1", "uid": "u-1"}}
    del batch["task"]
    assert (await client.post("/v1/batches", content=msgpack.packb(batch), headers=WRITING)).status_code == 202
    (task,) = (await get(client, "/v1/tasks")).json()["tasks"]
    assert (task["id"], task["platform"], task["pod"]["name"]) == ("u-1", None, "web-1")


async def test_a_tree_says_that_containers_are_left_out(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "MOST_CONTAINERS", 1)
    for number in (1, 2):
        await send(client, event(number, container=APP._replace(id=f"c{number}"), process=process(f"p{number}")))
        assert (await get(client, "/v1/tasks/t1/tree")).json()["truncated"] is (number > 1)


async def test_the_tree_of_a_task(client: httpx.AsyncClient) -> None:
    await send(client, event(1, container=APP, process=process("p", 7, exe="/bin/sh")))
    body = (await get(client, "/v1/tasks/t1/tree")).json()
    assert body["task"]["id"] == "t1"
    assert body["truncated"] is False
    (container,) = body["containers"]
    assert (container["id"], container["name"], container["image"]) == ("c1", "app", "repo/app:1")
    assert [each["exe"] for each in container["processes"]] == ["/bin/sh"]


async def test_a_task_whose_name_has_slashes_is_found(client: httpx.AsyncClient) -> None:
    import msgpack

    batch = plain(event(1), sensor="host/one two")
    del batch["task"]
    await client.post("/v1/batches", content=msgpack.packb(batch), headers=WRITING)
    for path in ("/v1/tasks/host%2Fone%20two/tree", "/v1/tasks/host/one two/tree"):
        assert (await get(client, path)).status_code == 200


async def test_an_unknown_task_is_404(client: httpx.AsyncClient) -> None:
    answer = await get(client, "/v1/tasks/none/tree")
    assert answer.status_code == 404
    assert answer.json()["error"] == "no events of a task 'none' are stored"


class SlowStore:
    """A store that takes too long."""

    async def events(self, query: Query) -> Page:
        raise StoreSlow("the question took longer than 10 s: ask for less")


async def test_a_question_that_takes_too_long_is_503() -> None:
    async with client_of(SlowStore()) as client:  # type: ignore[arg-type]  # only events is asked for
        answer = await get(client, "/v1/events")
    assert (answer.status_code, answer.json()["error"]) == (503, "the question took longer than 10 s: ask for less")


class ShortPages:
    """A store that ran out of time before it found anything."""

    async def events(self, query: Query) -> Page:
        return Page([], 2**60, more=True, oldest=1)


async def test_an_empty_page_can_have_a_next_one_and_cursors_keep_all_digits() -> None:
    async with client_of(ShortPages()) as client:  # type: ignore[arg-type]  # only events is asked for
        answer = await get(client, "/v1/events?q=rare")
    assert json.loads(answer.text) == {"events": [], "next": str(2**60)}


async def test_one_tree_is_made_at_a_time(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a part of the memory that only hostile sensors bound."""
    await send(client, event(1, container=APP, process=process("p")))
    making, most = 0, 0
    history = tree.history

    async def counted(store: Store, task: str) -> tree.History:
        nonlocal making, most
        making += 1
        most = max(most, making)
        found = await history(store, task)
        making -= 1
        return found

    monkeypatch.setattr(tree, "history", counted)
    answers = await asyncio.gather(*(get(client, "/v1/tasks/t1/tree") for _ in range(5)))
    assert [each.status_code for each in answers] == [200] * 5
    assert most == 1


async def test_no_tree_is_made_for_who_is_gone(client: httpx.AsyncClient, store: Store) -> None:
    await send(client, event(1, container=APP, process=process("p")))

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "query_string": b"", "headers": [], "path_params": {"task": "t1"}}
    with pytest.raises(Refused, match="is gone"):
        await Queries(store, FakeClock()).tree(Request(scope, gone))
