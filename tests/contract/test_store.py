"""What every store must do, whatever it is made of: events, pages and sizes. A new one is added to STORES (conftest.py)
and nothing else changes here. `test_store_tasks.py` has the tasks."""

import asyncio
import json
from typing import Any

import pytest
from fakes import FakeClock
from ingest_samples import APP, NOON, Reopen, event, events, process, rows

from ingest.store.protocol import Appended, Query, Store
from sensor.model.codec import event_to_json
from sensor.model.events import Container, Detection, Network
from sensor.model.kinds import Kind, Lane


async def found(store: Store, **query: Any) -> list[str]:
    """The ids of all matching events, over all pages."""
    ids, cursor = [], None
    while True:
        page = await store.events(Query(cursor=cursor, **query))
        ids += [json.loads(each.text)["seq"] for each in page.events]
        if not page.more:
            return ids
        cursor = page.reached


async def test_an_event_comes_back_as_its_public_json(store: Store) -> None:
    sent = event(1, container=APP, process=process("p", args=("sh", "-c", 'echo "ä\n\u0001"')))
    batch = rows(sent)
    assert await store.append(batch) == Appended(1, 0)
    (each,) = (await store.events(Query())).events
    told = json.loads(each.text)
    assert told["sensor"].pop("identity") == "claimed"
    assert told == event_to_json(sent, batch.header)


async def test_each_event_is_stored_once_however_often_it_is_sent(store: Store) -> None:
    assert await store.append(rows(*events([1, 2]))) == Appended(2, 0)
    assert await store.append(rows(*events([1, 2]))) == Appended(0, 2)
    assert await store.append(rows(*events([2, 3, 3]))) == Appended(1, 2)
    assert await found(store) == [3, 2, 1]


async def test_what_was_there_already_uses_up_no_arrival_numbers(store: Store) -> None:
    await store.append(rows(*events([1, 2])))
    start = (await store.state()).latest
    for seqs in ([1, 2], [1, 2, 3, 4, 4], [2, 5]):
        await store.append(rows(*events(seqs)))
    assert (await store.state()).latest == start + 3
    assert await found(store, newest_first=False) == [1, 2, 3, 4, 5]


async def test_sensor_epoch_and_lane_are_part_of_the_identity(store: Store) -> None:
    await store.append(rows(event(1)))
    assert await store.append(rows(event(1), sensor="s2")) == Appended(1, 0)
    assert await store.append(rows(event(1), epoch="e2")) == Appended(1, 0)
    assert await store.append(rows(event(1, lane=Lane.URGENT))) == Appended(1, 0)


async def test_batches_that_come_at_once_are_all_stored(store: Store) -> None:
    batches = [rows(*events(range(n, n + 10))) for n in range(1, 400, 5)]  # each overlaps the next by half
    answers = await asyncio.gather(*(store.append(batch) for batch in batches))
    assert sum(answer.accepted for answer in answers) == 405
    assert sorted(await found(store, limit=50)) == list(range(1, 406))


async def test_what_was_acknowledged_is_there_after_reopening(reopen: Reopen) -> None:
    store = await reopen()
    await store.append(rows(*events([1, 2])))
    before = await store.state()
    store = await reopen()
    assert await found(store) == [2, 1]
    assert await store.append(rows(*events([2, 3]))) == Appended(1, 1)
    assert (await store.state()).latest > before.latest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"newest_first": False}, [1, 2, 3, 4, 5, 6]),
        ({"task": "t2"}, [6]),
        ({"task": "none"}, []),
        ({"kinds": ("process.exit", "dns.query")}, [4, 2]),
        ({"kinds": ("detection",)}, [5]),
        ({"container": "c1"}, [2, 1]),
        ({"container": "app"}, [2, 1]),
        ({"container": ""}, [6, 5, 4]),
        ({"entity": "p1"}, [2, 1]),
        ({"pid": 33}, [3]),
        ({"lane": "urgent"}, [5]),
        ({"since": NOON + 3 * 10**9}, [6, 5, 4, 3]),
        ({"until": NOON + 3 * 10**9}, [2, 1]),
        ({"since": NOON + 2 * 10**9, "until": NOON + 4 * 10**9}, [3, 2]),
        ({"text": "NEEDLE"}, [3]),
        ({"text": '"quoted" \\'}, [3]),
        ({"text": '"kind":"dns.query"'}, [4]),
        ({"text": "a needle"}, [3]),
        ({"text": "33  NEEDLE"}, [3]),
        ({"text": "needle dns.query"}, []),
        ({"text": " "}, [6, 5, 4, 3, 2, 1]),
        ({"since": -(2**80)}, [6, 5, 4, 3, 2, 1]),
        ({"until": -(2**80)}, []),
        ({"text": "50%"}, []),
        ({"text": "_eedle"}, []),
        ({"text": "\0"}, []),
        ({"task": "t1", "kinds": ("process.exec",), "pid": 33, "text": "needle"}, [3]),
    ],
)
async def test_filters(store: Store, query: dict[str, Any], expected: list[int]) -> None:
    await store.append(
        rows(
            event(1, container=APP, process=process("p1")),
            event(2, Kind.PROCESS_EXIT, container=APP, process=process("p1")),
            event(3, container=Container("c2"), process=process("p3", 33, args=("a", "needle", '"quoted" \\'))),
            event(4, Kind.DNS_QUERY),
            event(5, Kind.DETECTION, lane=Lane.URGENT, detection=Detection("r", "A rule", "high")),
        )
    )
    await store.append(rows(event(6), task="t2"))
    assert await found(store, **query) == expected


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 7, 50])
async def test_pages_give_each_event_once_while_new_ones_arrive(store: Store, newest_first: bool, limit: int) -> None:
    await store.append(rows(*events(range(1, 21))))
    query = Query(limit=limit, newest_first=newest_first)
    page = await store.events(query)
    await store.append(rows(*events(range(21, 31))))
    seen = list(page.events)
    while page.more:
        page = await store.events(query._replace(cursor=page.reached))
        assert len(page.events) <= limit
        seen += page.events
    arrivals = [each.arrival for each in seen]
    assert arrivals == sorted(set(arrivals), reverse=newest_first)
    assert {json.loads(each.text)["seq"] for each in seen} >= set(range(1, 21))


async def test_the_last_page_says_so_even_when_it_is_full(store: Store) -> None:
    await store.append(rows(*events(range(1, 5))))
    page = await store.events(Query(limit=4))
    assert (len(page.events), page.more) == (4, False)


async def test_a_page_reaches_past_what_does_not_match(store: Store) -> None:
    await store.append(rows(*events(range(1, 5))))
    page = await store.events(Query(kinds=("posture",), newest_first=False, cursor=1))
    assert (list(page.events), page.more) == ([], False)
    assert page.reached == (await store.state()).latest


async def test_times_that_no_column_holds_are_kept_and_found(store: Store) -> None:
    far = 2**64 - 1
    await store.append(rows(event(1, time=far)))
    assert await found(store, since=far) == [1]
    assert "2554-07-21T23:34:33.709551615Z" in (await store.events(Query())).events[0].text


async def test_news_come_when_something_is_stored(store: Store) -> None:
    start = (await store.state()).latest
    waiting = asyncio.create_task(store.news(start, 60))
    await asyncio.sleep(0)
    await store.append(rows(event(1)))
    assert await waiting == (await store.state()).latest > start
    assert await store.news(start, 60) > start  # at once: it is there already


async def test_without_news_waiting_ends(store: Store) -> None:
    await store.append(rows(event(1)))
    latest = (await store.state()).latest
    assert await store.news(latest, 0.01) == latest


async def test_state_of_an_empty_store(store: Store) -> None:
    state = await store.state()
    assert (state.events, state.tasks, state.oldest) == (0, 0, state.latest + 1)


async def test_what_is_too_old_goes_with_its_counts(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=1)
    await store.append(rows(*events(range(1, 1200), container=APP)))
    await store.append(rows(event(1, Kind.DETECTION), task="t2", sensor="s2"))
    clock.advance(20 * 3600)
    await store.append(rows(event(2000, container=Container("c2"))))
    clock.advance(5 * 3600)
    latest = (await store.state()).latest
    assert await store.retain() == 1200
    assert await found(store) == [2000]
    (task,) = (await store.tasks(10)).tasks
    assert (task.events, task.containers) == (1, 1)
    assert await store.containers("t1", 10) == [Container("c2")]
    assert await store.state() == (await store.state())._replace(events=1, tasks=1, latest=latest, oldest=latest)
    assert await store.retain() == 0


@pytest.mark.parametrize("ahead", [1, 500, 3000])
async def test_a_clock_that_was_ahead_does_not_hold_up_retention(reopen: Reopen, clock: FakeClock, ahead: int) -> None:
    store = await reopen(days=1)
    clock.advance(365 * 86400)
    await store.append(rows(*events(range(1, ahead + 1))))
    clock.advance(-365 * 86400)
    await store.append(rows(*events(range(1, 601)), epoch="e2"))
    assert await store.retain() == 0
    clock.advance(86401)
    await store.append(rows(*events(range(1, 601)), epoch="e3"))
    assert await store.retain() >= ahead + 590
    assert 600 <= (await store.state()).events <= 610
    assert {run.epoch for run in (await store.tasks(1)).tasks[0].sensors} <= {"e2", "e3"}


async def test_a_clock_that_was_behind_costs_nothing_that_came_before(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=1)
    await store.append(rows(*events(range(1, 1001))))
    clock.advance(-365 * 86400)
    await store.append(rows(*events(range(1, 1001)), epoch="e2"))
    clock.advance(365 * 86400)
    assert await store.retain() == 0


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_clock_that_leaps_ahead_deletes_nothing_for_an_hour(
    reopen: Reopen, clock: FakeClock, stopped: bool
) -> None:
    store = await reopen(days=1)
    await store.append(rows(event(1)))
    clock.jump(86400 * 365)
    if stopped:
        store = await reopen(days=1)
    for _ in range(60):
        assert await store.retain() == 0
        clock.advance(60)
    assert await store.retain() == 1


async def test_an_ingest_that_was_stopped_for_less_than_an_hour_goes_on_deleting(
    reopen: Reopen, clock: FakeClock
) -> None:
    store = await reopen(days=1)
    await store.append(rows(event(1)))
    clock.advance(86400)
    await store.append(rows(event(2)))
    clock.advance(3599)
    assert await (await reopen(days=1)).retain() == 1


async def test_a_clock_that_was_set_right_again_has_cost_nothing(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=1)
    await store.append(rows(event(1)))
    for leap in (86400 * 365, -86400 * 365, 59):
        clock.jump(leap)
        assert await store.retain() == 0
    clock.advance(3601)
    assert await store.retain() == 0
    clock.advance(86400)
    assert await store.retain() == 1


async def test_arrival_numbers_are_never_given_again(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=1)
    await store.append(rows(*events([1, 2])))
    latest = (await store.state()).latest
    clock.advance(2 * 86400)
    assert await store.retain() == 2
    state = await store.state()
    assert (state.latest, state.oldest, state.events) == (latest, latest + 1, 0)
    store = await reopen(days=1)
    assert (await store.state()).latest == latest
    await store.append(rows(event(3)))
    assert (await store.events(Query(newest_first=False, cursor=latest))).events[0].arrival > latest


async def test_the_size_is_bounded_and_the_newest_are_kept(reopen: Reopen) -> None:
    limit = 16 * 1024 * 1024
    store = await reopen(size=limit)
    large = ("x" * 2000,)
    for n in range(0, 12_000, 200):
        await store.append(rows(*events(range(n + 1, n + 201), process=process("p", args=large))))
        assert (await store.state()).bytes <= limit
    kept = await found(store, newest_first=False, limit=1000)
    assert kept == list(range(kept[0], 12_001))
    assert len(kept) > 2000
    task = await store.task("t1")
    assert task is not None
    assert task.events == len(kept)


async def test_a_limit_that_was_lowered_holds_up_no_batch(reopen: Reopen) -> None:
    store = await reopen(size=32 * 1024 * 1024)
    for n in range(0, 5_000, 500):
        await store.append(rows(*events(range(n + 1, n + 501), process=process("p", args=("x" * 2000,)))))
    store = await reopen(size=8 * 1024 * 1024)
    await store.append(rows(event(5001)))
    assert (await store.state()).events > 4_400, "a batch makes room for itself alone"
    assert await store.retain() > 3_000
    assert (await store.state()).bytes <= 8 * 1024 * 1024
    assert (await found(store, limit=1))[:2] == [5001, 5000]


LONG = "\U00010000" * 500
CROWDS = {
    "containers": lambda n: rows(*(event(s, container=Container(f"{s}{LONG}", LONG)) for s in range(n, n + 4))),
    "tasks": lambda n: rows(event(1), sensor=f"s{n}", task=f"t{n}", family=LONG * 4),
    "senders": lambda n: rows(event(1), sensor=f"s{n}", epoch=f"{n}{LONG}", version=LONG),
}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_what_has_no_event_left_takes_no_room_from_others(reopen: Reopen, crowd: str) -> None:
    store = await reopen(size=4 * 1024 * 1024)
    for n in range(0, 2400, 4):
        await store.append(CROWDS[crowd](n + 1))
    await store.append(rows(*events(range(1, 51)), task="quiet", sensor="quiet"))
    await store.append(rows(event(1), task="other", sensor="other"))
    assert len(await found(store, task="quiet")) == 50


async def test_space_is_given_back(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=1)
    for n in range(0, 4000, 200):
        await store.append(rows(*events(range(n + 1, n + 201), process=process("p", args=("x" * 2000,)))))
    full = (await store.state()).bytes
    clock.advance(2 * 86400)
    await store.retain()
    store = await reopen(days=1)
    assert (await store.state()).bytes < full / 4


async def test_a_store_can_say_that_it_is_writable(store: Store) -> None:
    await store.check()


async def test_closing_twice_is_safe(store: Store) -> None:
    await store.aclose()
    await store.aclose()


async def test_names_that_hold_a_separator_are_not_mixed_up(store: Store) -> None:
    await store.append(rows(event(1), sensor="a/b", epoch="c"))
    assert await store.append(rows(event(1), sensor="a", epoch="b/c")) == Appended(1, 0)


async def test_a_name_that_became_known_later_finds_the_earlier_events(store: Store) -> None:
    await store.append(rows(event(1, container=Container("c1"))))
    await store.append(rows(event(2, container=APP)))
    assert await found(store, container="app") == [2, 1]


@pytest.mark.parametrize(("address", "other"), [("203.0.113.9", "203.0.113.9"), ("[2001:DB8::9]", "2001:db8::9")])
async def test_an_address_with_its_port_finds_what_has_them_apart(store: Store, address: str, other: str) -> None:
    ends = [Network(transport="tcp", dst=other, dst_port=port) for port in (443, 80)]
    await store.append(rows(*(event(n, Kind.NETWORK_FLOW, network=one) for n, one in enumerate(ends, 1))))

    assert await found(store, text=f"{address}:443") == [1]
    assert await found(store, text=f"{address}:8443") == []
