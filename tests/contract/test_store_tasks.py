"""What every store must tell of tasks, whatever it is made of."""

import json

import pytest
from fakes import FakeClock
from ingest_samples import APP, NOON, Reopen, event, events, rows

from ingest.store.protocol import Appended, Catch, Place, Query, Store
from sensor.model.events import Container, Health, Loss
from sensor.model.kinds import Kind, Lane


async def test_who_has_proven_to_be_the_task_is_kept_with_each_event_and_run(store: Store) -> None:
    arn = "arn:aws:sts::123456789012:assumed-role/web/t1"
    await store.append(rows(event(1))._replace(task="t0"))
    await store.append(rows(event(1), epoch="e2", principal=arn))
    (each,) = (await store.events(Query(task="t1"))).events
    assert json.loads(each.text)["sensor"].items() >= {"identity": "verified", "principal": arn}.items()
    verified, claimed = (await store.tasks(10)).tasks
    assert (verified.id, verified.identity, [run.principal for run in verified.sensors]) == ("t1", "verified", [arn])
    assert (claimed.id, claimed.identity, [run.principal for run in claimed.sensors]) == ("t0", "claimed", [None])


async def test_a_task_with_runs_of_both_kinds_is_mixed(store: Store) -> None:
    await store.append(rows(event(1), epoch="e1"))
    await store.append(rows(event(1), epoch="e2", principal="somebody"))
    (task,) = (await store.tasks(10)).tasks
    assert task.identity == "mixed"
    assert {run.epoch: run.principal for run in task.sensors} == {"e1": None, "e2": "somebody"}


@pytest.mark.parametrize("after", [None, "somebody else"])
async def test_a_run_is_proven_only_while_all_of_its_batches_are(store: Store, after: str | None) -> None:
    await store.append(rows(event(1), principal="somebody"))
    await store.append(rows(event(2), principal=after))
    await store.append(rows(event(3), principal="somebody"))
    (task,) = (await store.tasks(10)).tasks
    assert (task.identity, task.sensors[0].principal) == ("claimed", None)


async def test_a_task_that_two_have_proven_to_be_is_mixed_and_keeps_the_first_header(store: Store) -> None:
    await store.append(rows(event(1), principal="somebody"))
    await store.append(rows(event(1), epoch="e2", principal="somebody else", family="theirs"))
    (task,) = (await store.tasks(10)).tasks
    assert (task.identity, "family" in task.header["task"]) == ("mixed", False)
    await store.append(rows(event(2), principal="somebody", family="ours"))
    (task,) = (await store.tasks(10)).tasks
    assert task.header["task"]["family"] == "ours"


async def test_a_proven_header_takes_the_place_of_a_claimed_one_and_not_the_other_way(store: Store) -> None:
    for epoch, principal, kept in (("e1", None, "e1"), ("e2", "somebody", "e2"), ("e3", None, "e2")):
        await store.append(rows(event(1), epoch=epoch, principal=principal, family=epoch))
        (task,) = (await store.tasks(10)).tasks
        assert task.header["task"]["family"] == kept


async def test_a_proven_name_of_a_container_takes_the_place_of_a_claimed_one_and_not_the_other_way(
    store: Store,
) -> None:
    forged, later = Container("c1", "harmless", "evil:1"), APP._replace(name="later")
    steps = [
        (None, forged, forged),
        ("somebody", APP, APP),
        (None, forged, APP),
        ("somebody else", forged, APP),
        ("somebody", later, later),
        (None, forged._replace(image_id="sha256:0"), later._replace(image_id="sha256:0")),
    ]
    for seq, (principal, told, kept) in enumerate(steps, 1):
        await store.append(rows(event(seq, container=told), epoch=f"e{seq}", principal=principal))
        assert await store.containers("t1", 10) == [kept]


async def test_what_was_stored_before_changes_no_container_beside_what_is_new(store: Store) -> None:
    await store.append(rows(event(1, container=APP)))
    renamed, never = APP._replace(name="x"), Container("c2", "never")
    assert await store.append(rows(event(2), event(1, container=renamed), event(1, container=never))) == Appended(1, 2)
    assert await store.containers("t1", 10) == [APP]


async def test_what_was_stored_before_changes_nothing_when_it_comes_as_another_tasks(
    store: Store, clock: FakeClock
) -> None:
    await store.append(rows(event(1, container=APP), principal="somebody"))
    await store.append(rows(event(1, container=APP), sensor="s2", task="t2"))
    before = await store.task("t1")
    clock.advance(60)
    forged = rows(event(1, container=APP._replace(name="harmless")), sensor="s2", family="harmless")
    assert await store.append(forged) == Appended(0, 1)
    assert await store.task("t1") == before
    assert await store.containers("t1", 10) == [APP]
    assert await store.append(rows(event(1), sensor="s2", task="t3")) == Appended(0, 1)
    assert await store.task("t3") is None


async def test_a_sensor_that_sends_again_is_heard_of_if_it_is_the_same(store: Store, clock: FakeClock) -> None:
    await store.append(rows(event(1), principal="somebody"))
    first = clock.wall()
    clock.advance(60)
    await store.append(rows(event(1)))
    (task,) = (await store.tasks(10)).tasks
    assert (task.last_seen, task.sensors[0].last_seen) == (first, first), "anyone can repeat it"
    await store.append(rows(event(1), principal="somebody"))
    (task,) = (await store.tasks(10)).tasks
    assert (task.last_seen, task.sensors[0].last_seen) == (clock.wall(), clock.wall())
    assert (task.identity, task.events) == ("verified", 1)


async def listed(store: Store, limit: int, text: str | None = None) -> list[str]:
    """The names of all tasks, page by page."""
    names: list[str] = []
    behind = None
    while True:
        page = await store.tasks(limit, text, behind)
        assert len(page.tasks) <= limit
        names += [task.id for task in page.tasks]
        if not page.more:
            return names
        behind = Place(page.tasks[-1].last_seen, page.tasks[-1].id)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_pages_of_tasks_give_each_once(store: Store, clock: FakeClock, limit: int) -> None:
    for n in range(9):
        await store.append(rows(event(1), sensor=f"s{n}", task=f"t{n}"))
        clock.advance(n % 3)  # some were heard of last at the same moment
    assert await listed(store, limit) == [f"t{n}" for n in reversed(range(9))]


async def test_tasks_are_found_by_words_of_their_name_or_header(store: Store) -> None:
    for n, family in enumerate(["shop", "Shop-front", "bank", None]):
        await store.append(rows(event(1), sensor=f"s{n}", task=f"t{n}", family=family))
    assert await listed(store, 10, "SHOP") == ["t1", "t0"]
    assert await listed(store, 1, "shop ecs-fargate") == ["t1", "t0"]
    assert await listed(store, 10, "t2 bank") == ["t2"]
    assert await listed(store, 10, "t2 shop") == []
    assert await listed(store, 10, "%") == []


async def test_a_task_has_stopped_when_the_run_that_began_last_has(store: Store, clock: FakeClock) -> None:
    async def stopped() -> tuple[bool, list[bool]]:
        (task,) = (await store.tasks(10)).tasks
        return task.stopped, [run.stopped for run in task.sensors]

    await store.append(rows(event(1)))
    assert await stopped() == (False, [False])
    await store.append(rows(event(2, Kind.SENSOR_STOP)))
    await store.append(rows(event(3)))  # of a lane that was slower
    assert await stopped() == (True, [True])
    clock.advance(1)
    await store.append(rows(event(1), epoch="e2"))
    clock.advance(1)
    await store.append(rows(event(4)))  # what the first run left is delivered by the second
    assert await stopped() == (False, [True, False])


async def test_numbers_under_which_nothing_came_are_counted_by_run(store: Store) -> None:
    async def missing() -> dict[str, int]:
        (task,) = (await store.tasks(10)).tasks
        return {run.epoch: run.not_arrived for run in task.sensors}

    await store.append(rows(*events([3, 4, 8]), event(1, lane=Lane.URGENT), event(3, lane=Lane.URGENT)))
    await store.append(rows(*events([1, 2]), epoch="e2"))
    assert await missing() == {"e1": 3 + 1, "e2": 0}
    await store.append(rows(*events([5, 6, 8])))
    assert await missing() == {"e1": 1 + 1, "e2": 0}
    await store.append(rows(event(1, lane=Lane.URGENT), epoch="e2"))
    await store.append(rows(*(event(2**63 - 1, time=NOON, lane=lane) for lane in Lane), epoch="e2"))
    assert (await missing())["e2"] == 2 * 2**32, "cut, not summed to a failure"


async def test_what_retention_deletes_is_not_missing(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=1)
    await store.append(rows(*events(range(1, 701))))
    clock.advance(86000)
    await store.append(rows(*events(range(702, 711))))
    clock.advance(4000)
    assert await store.retain() == 700
    (task,) = (await store.tasks(10)).tasks
    assert (task.events, task.sensors[0].not_arrived) == (9, 1)


async def test_an_empty_batch_leaves_no_task(store: Store) -> None:
    assert await store.append(rows()) == Appended(0, 0)
    assert (await store.tasks(10)).tasks == []


async def test_tasks_are_listed_with_their_counts(store: Store, clock: FakeClock) -> None:
    await store.append(rows(event(1, container=APP), event(2, container=Container("c2")), event(3)))
    clock.advance(5)
    await store.append(rows(event(1, Kind.DETECTION), task="t2", sensor="s2"))
    newest, oldest = (await store.tasks(10)).tasks
    assert [newest.id, oldest.id] == ["t2", "t1"]
    assert (oldest.events, oldest.containers, oldest.detections) == (3, 2, 0)
    assert (newest.events, newest.containers, newest.detections) == (1, 0, 1)
    assert newest.first_seen == oldest.last_seen + 5 * 10**9 == clock.wall()
    assert newest.platform == "ecs-fargate"
    assert newest.header["task"]["arn"].endswith("/t2")
    assert [task.id for task in (await store.tasks(1)).tasks] == ["t2"]


async def test_one_task_and_its_containers(store: Store) -> None:
    await store.append(rows(event(1, container=Container("c1")), event(2, container=Container("c0", "side"))))
    await store.append(rows(event(3, container=APP)))
    await store.append(rows(event(1, container=Container("c1", "other")), task="t2"))
    task = await store.task("t1")
    assert task is not None
    assert task.events == 3
    assert await store.containers("t1", 10) == [APP, Container("c0", "side")]
    assert await store.containers("t1", 1) == [Container("c0", "side")]
    assert await store.task("t3") is None
    assert await store.containers("t3", 10) == []


async def test_a_task_lists_the_runs_of_its_sensors(store: Store, clock: FakeClock) -> None:
    await store.append(rows(event(1), epoch="e1"))
    clock.advance(60)
    await store.append(rows(event(1), epoch="e2"))
    task = await store.task("t1")
    assert task is not None
    assert [(s.id, s.epoch, s.version) for s in task.sensors] == [("s1", "e2", "0.1.0"), ("s1", "e1", "0.1.0")]
    assert task.sensors[1].last_seen == clock.wall() - 60 * 10**9


async def test_losses_and_what_was_seen_or_not_are_summed_and_never_twice(store: Store) -> None:
    told = event(1, Kind.SENSOR_LOSS, loss=Loss("queue_full", "exact", 7))
    unknown = event(2, Kind.SENSOR_LOSS, loss=Loss("inotify_overflow", "unknown"))
    beats = [
        event(n, Kind.SENSOR_HEARTBEAT, health=Health(n, 30.0, unexplained=2, seen=n, losses={"queue_full": n}))
        for n in (3, 4, 5)
    ]
    await store.append(rows(told, unknown, *beats))
    await store.append(rows(told, unknown, *beats))
    await store.append(rows(event(1, Kind.SENSOR_STOP, health=Health(9.0, 9.0, losses={"a": 20, "b": 3})), epoch="e2"))
    await store.append(rows(event(2), epoch="e2"))  # which says nothing of losses, and takes none back
    task = await store.task("t1")
    assert task is not None
    assert task.catch == task.last_hour == Catch(seen=12, unexplained=6)
    assert task.losses == (7 + 1) + 23  # one run told more one by one, the other more in its totals


async def test_absurd_counts_are_cut_not_summed_to_a_failure(store: Store) -> None:
    beats = [event(n, Kind.SENSOR_HEARTBEAT, health=Health(1.0, 1.0, unexplained=2**64 - 1)) for n in range(1, 9)]
    await store.append(rows(*beats))
    task = await store.task("t1")
    assert task is not None
    assert 0 < task.catch.unexplained < 2**63


async def test_the_last_hour_is_what_came_in_within_it(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen()
    for minute in range(0, 120, 20):
        await store.append(rows(event(minute + 1, Kind.SENSOR_HEARTBEAT, health=Health(1, 1, unexplained=1, seen=10))))
        clock.advance(20 * 60)
    (task,) = (await store.tasks(10)).tasks
    assert (task.catch, task.last_hour) == (Catch(60, 6), Catch(20, 2))
    await store.retain()
    store = await reopen()
    assert await store.task("t1") == task
    clock.advance(7200)
    assert (await store.tasks(10)).tasks[0].last_hour == Catch(0, 0)


async def test_the_last_hour_of_a_task_is_its_own_and_goes_with_it(reopen: Reopen, clock: FakeClock) -> None:
    store = await reopen(days=0.01)
    for n in (1, 2):
        beat = event(n, Kind.SENSOR_HEARTBEAT, health=Health(1, 1, seen=10 * n))
        await store.append(rows(beat, task=f"t{n}"))
    assert {task.id: task.last_hour.seen for task in (await store.tasks(10)).tasks} == {"t1": 10, "t2": 20}
    clock.advance(1800)
    await store.retain()
    for n in (3, 4):
        await store.append(rows(event(n), task=f"t{n}"))
    assert {task.id: task.last_hour.seen for task in (await store.tasks(10)).tasks} == {"t3": 0, "t4": 0}


async def test_a_sensor_that_names_another_task_later_is_counted_for_both(store: Store) -> None:
    await store.append(rows(event(1), task="t1"))
    await store.append(rows(event(2), task="t2"))
    assert {(task.id, task.events) for task in (await store.tasks(10)).tasks} == {("t1", 1), ("t2", 1)}
