"""What is particular to the embedded store: its versions, a full disk, its time limits, its log."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import FakeClock
from ingest_samples import event, events, open_store, process, rows

from ingest.store import sqlite_file, sqlite_search, sqlite_tasks
from ingest.store.errors import StoreSlow, StoreUnavailable
from ingest.store.protocol import Catch, Page, Query
from ingest.store.sqlite_readers import Readers
from ingest.store.sqlite_schema import APPLICATION_ID, MIGRATIONS
from ingest.store.sqlite_search import bounds
from sensor.model.events import Container, Health
from sensor.model.kinds import Kind


def of_version(version: int, directory: Path) -> sqlite3.Connection:
    """An empty store as that version of the schema made it."""
    db = sqlite3.connect(directory / sqlite_file.FILE)
    tables = " ".join(MIGRATIONS[:version])
    db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; {tables} PRAGMA user_version = {version};")
    return db


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    db = of_version(1, tmp_path)
    db.execute("INSERT INTO tasks VALUES (1, 't1', NULL, '{}', 1, 2)")
    db.execute("INSERT INTO watches VALUES (1, 1, '0.1', NULL, 1, 2, 3, 0, 7, 0, 0)")
    db.commit()
    db.close()
    store = open_store(tmp_path)
    (task,) = (await store.tasks(10)).tasks
    assert (task.events, task.catch, task.last_hour) == (3, Catch(0, 7), Catch(0, 0))
    await store.aclose()


async def test_what_was_stored_before_there_were_logins_is_claimed(tmp_path: Path) -> None:
    db = of_version(2, tmp_path)
    db.execute("INSERT INTO tasks VALUES (1, 't1', NULL, '{}', 1, 2)")
    db.execute("INSERT INTO senders VALUES (1, 's1', 'e1')")
    db.execute("INSERT INTO watches VALUES (1, 1, '0.1', NULL, 1, 2, 3, 0, 7, 0, 0, 0)")
    db.commit()
    db.close()
    store = open_store(tmp_path)
    await store.append(rows(event(1), principal="somebody"))
    await store.append(rows(event(1), epoch="e2", principal="somebody"))
    (task,) = (await store.tasks(10)).tasks
    assert {run.epoch: run.principal for run in task.sensors} == {"e1": None, "e2": "somebody"}
    assert (task.identity, task.events) == ("mixed", 5)
    await store.aclose()
    db = sqlite3.connect(tmp_path / sqlite_file.FILE)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    db.close()


async def test_a_task_that_was_proven_before_headers_had_a_principal_keeps_its_header(tmp_path: Path) -> None:
    db = of_version(3, tmp_path)
    db.executemany("INSERT INTO tasks VALUES (?, ?, NULL, '{}', 1, 2)", [(1, "t1"), (2, "t2")])
    db.executemany("INSERT INTO senders VALUES (?, ?, 'e1')", [(1, "s1"), (2, "s2")])
    watches = [(1, 1, "somebody"), (2, 1, "somebody"), (2, 2, None)]
    db.executemany("INSERT INTO watches VALUES (?, ?, '0.1', NULL, 1, 2, 3, 0, 7, 0, 0, 0, ?)", watches)
    db.commit()
    db.close()
    store = open_store(tmp_path)
    for seq, name in ((1, "t1"), (2, "t2")):
        await store.append(rows(event(seq), epoch="e2", task=name, family="new"))
    assert {task.id: bool(task.header) for task in (await store.tasks(10)).tasks} == {"t1": False, "t2": True}
    await store.aclose()


async def test_stops_and_missing_numbers_of_before_are_taken_from_the_events(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.append(rows(*events([3, 4, 7]), event(8, Kind.SENSOR_STOP)))
    await store.append(rows(event(1), epoch="e2", task="t2"))
    before = (await store.tasks(10)).tasks
    await store.aclose()
    db = sqlite3.connect(tmp_path / sqlite_file.FILE)
    db.executescript("DROP TABLE lanes; ALTER TABLE watches DROP COLUMN stopped; PRAGMA user_version = 4;")
    db.close()
    store = open_store(tmp_path)
    assert (await store.tasks(10)).tasks == before
    assert {task.id: (task.stopped, task.sensors[0].not_arrived) for task in before} == {
        "t1": (True, 2),
        "t2": (False, 0),
    }
    await store.aclose()


async def test_what_was_left_without_events_is_deleted(tmp_path: Path) -> None:
    db = of_version(5, tmp_path)
    db.execute("INSERT INTO tasks VALUES (1, 't1', NULL, '{}', 1, 2, NULL)")
    db.execute("INSERT INTO senders VALUES (1, 's1', 'e1')")
    db.execute("INSERT INTO watches VALUES (1, 1, '0.1', NULL, 1, 2, 0, 0, 0, 0, 0, 0, NULL, 0)")
    db.execute("INSERT INTO containers VALUES (1, 1, 'c1', 'app', NULL, NULL, 0)")
    db.execute("INSERT INTO minutes VALUES (1, 1, 1, 1)")
    db.execute("INSERT INTO lanes VALUES (1, 'ordinary', 1, 1, 1)")
    db.commit()
    db.close()
    await open_store(tmp_path).aclose()
    assert sizes(tmp_path) == {"tasks": 0, "senders": 0, "watches": 0, "containers": 0, "minutes": 0, "lanes": 0}


async def test_nothing_is_kept_of_what_has_no_event(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store(tmp_path, clock=clock, days=1)
    beat = event(1, Kind.SENSOR_HEARTBEAT, health=Health(1, 1, seen=1))
    await store.append(rows(beat, event(2, container=Container("c1"))))
    await store.append(rows(event(1, container=Container("c2")), event(3)))
    assert sizes(tmp_path) == {"tasks": 1, "senders": 1, "watches": 1, "containers": 1, "minutes": 1, "lanes": 1}
    clock.advance(86401)
    await store.retain()
    assert sizes(tmp_path) == {"tasks": 0, "senders": 0, "watches": 0, "containers": 0, "minutes": 0, "lanes": 0}
    await store.aclose()


def sizes(directory: Path) -> dict[str, int]:
    """How many rows there are beside the events."""
    db = sqlite3.connect(directory / sqlite_file.FILE)
    tables = ("tasks", "senders", "watches", "containers", "minutes", "lanes")
    try:
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    finally:
        db.close()


def test_only_the_tasks_that_are_listed_are_summed_up(file: Path) -> None:
    db = sqlite_file.connect(file)
    for condition in ("", sqlite_tasks.BEHIND):
        values = (1, 1, "t1", 10) if condition else (10,)
        query = f"EXPLAIN QUERY PLAN {sqlite_tasks.TASKS.format(condition=condition)}"
        plan = " / ".join(step for *_, step in db.execute(query, values))
        assert "tasks USING INDEX tasks_last_seen" in plan
    db.close()


def of_pages(limit: int) -> Callable[[Path], sqlite3.Connection]:
    """Connections to a disk that is full after so many pages: SQLite answers both with SQLITE_FULL."""

    def connect(path: Path) -> sqlite3.Connection:
        db = sqlite_file.connect(path)
        db.execute(f"PRAGMA max_page_count = {limit}")
        return db

    return connect


async def test_on_a_full_disk_nothing_is_half_stored(tmp_path: Path) -> None:
    store = open_store(tmp_path, connect=of_pages(100))
    await store.append(rows(event(1)))
    large = process("p", args=("x" * 4000,))
    with pytest.raises(StoreUnavailable, match="full"):
        await store.append(rows(*events(range(2, 500), process=large), task="t2"))
    assert (await store.state()).events == 1
    assert [task.id for task in (await store.tasks(10)).tasks] == ["t1"]
    assert len((await store.events(Query())).events) == 1
    assert (await store.append(rows(event(2)))).accepted == 1
    await store.aclose()


async def test_a_failing_job_does_not_take_the_others_of_its_transaction_down(tmp_path: Path) -> None:
    store = open_store(tmp_path, connect=of_pages(100))
    jobs = [store.append(rows(event(n))) for n in range(1, 6)]
    jobs.append(store.append(rows(*events(range(10, 500), process=process("p", args=("x" * 4000,))))))
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [False] * 5 + [True]
    assert (await store.state()).events == 5
    await store.aclose()


async def test_failing_and_working_again_are_told_once_each(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ingest.store")
    store = open_store(tmp_path, connect=of_pages(100))
    too_much = rows(*events(range(2, 500), process=process("p", args=("x" * 4000,))))
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.append(too_much)
    await store.append(rows(event(1)))
    await store.append(rows(event(2)))
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    await store.aclose()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.aclose()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.append(rows(event(1)))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.events(Query())


async def test_a_question_without_an_end_is_ended(tmp_path: Path) -> None:
    readers = Readers(lambda: sqlite_file.connect(tmp_path / "empty"), seconds=0.05)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(StoreSlow, match=r"took longer than 0\.05 s"):
        await readers.ask(lambda db: db.execute(endless).fetchone())
    assert await readers.ask(lambda db: db.execute("SELECT 1").fetchone()) == (1,)
    readers.close()


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_page_that_runs_out_of_time_says_where_to_go_on(
    file: Path, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    monkeypatch.setattr(sqlite_search, "WINDOW", 100)
    db = sqlite_file.connect(file)
    query, pages = Query(text='"seq":500,', newest_first=newest_first), []
    while not pages or pages[-1].more:
        pages.append(sqlite_search.search(db, query, seconds=0))
        query = query._replace(cursor=pages[-1].reached)
    db.close()
    assert len(pages) == 10
    assert [each.arrival for page in pages for each in page.events] == [500]


def test_what_is_deleted_while_a_page_is_looked_for_is_still_on_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bounds_before_a_deletion(db: sqlite3.Connection) -> tuple[int, int]:
        found = bounds(db)
        with contextlib.closing(sqlite_file.connect(file)) as other:
            other.execute("DELETE FROM events WHERE arrival <= 500")
        return found

    monkeypatch.setattr(sqlite_search, "bounds", bounds_before_a_deletion)
    db = sqlite_file.connect(file)
    query = Query(newest_first=False, cursor=200)
    pages = [sqlite_search.search(db, query) for _ in range(2)]
    db.close()
    assert [(page.oldest, page.events[0].arrival) for page in pages] == [(1, 201), (501, 501)]


async def test_a_page_of_huge_events_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_search, "PAGE_BYTES", 10_000)
    store = open_store(tmp_path)
    await store.append(rows(*events(range(1, 7), process=process("p", args=("x" * 4000,)))))
    page = await store.events(Query())
    assert (len(page.events), page.more) == (2, True)
    huge = await store.append(rows(event(7, process=process("p", args=("x" * 20_000,)))))
    assert huge.accepted == 1
    assert len((await store.events(Query())).events) == 1, "one is given however large it is"
    await store.aclose()


async def test_a_page_of_tasks_with_long_texts_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_tasks, "PAGE_BYTES", 2_800)
    store = open_store(tmp_path)
    for n in range(6):
        await store.append(rows(event(n + 1), task=f"t{n % 3}", epoch=f"e{n}", version="v" * 500))
    for limit in (3, 2):
        page = await store.tasks(limit)
        assert ([task.id for task in page.tasks], page.more) == (["t2", "t1"], True)
    await store.append(rows(event(7), task="t2", family="f" * 5_000))
    page = await store.tasks(3)
    assert ([task.id for task in page.tasks], page.more) == (["t2"], True), "one is given however large it is"
    await store.aclose()


def test_the_bounds_are_looked_up_however_many_events_there_are(file: Path) -> None:
    db = sqlite_file.connect(file)
    plan = [step for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sqlite_search.BOUNDS}")]
    assert sqlite_search.bounds(db) == (1, 1000)
    db.close()
    assert "SEARCH events" in plan
    assert not [step for step in plan if step.startswith("SCAN") and "events" in step]


async def test_the_log_stays_short_while_somebody_reads_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(db: sqlite3.Connection, query: Query) -> Page:
        db.execute("BEGIN")
        page = sqlite_search.search(db, query)
        time.sleep(0.03)
        db.execute("COMMIT")
        return page

    async def ask(delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            await store.events(Query(limit=1))

    monkeypatch.setattr("ingest.store.sqlite.sqlite_search", SimpleNamespace(search=slowly, bounds=bounds))
    size, log, lengths = 16 * 1024 * 1024, tmp_path / f"{sqlite_file.FILE}-wal", []
    store = open_store(tmp_path, size=size)
    asking = [asyncio.create_task(ask(n / 100)) for n in range(3)]
    for n in range(0, 12_000, 200):
        await store.append(rows(*events(range(n + 1, n + 201), process=process("p", args=("x" * 1000,)))))
        lengths.append(log.stat().st_size)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert size // 16 < max(lengths) < size // 4 + 2 * 1024 * 1024
    assert (await store.state()).bytes <= size
    await store.aclose()


async def test_what_is_freed_is_given_back_without_waiting_for_the_next_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path, size=32 * 1024 * 1024)
    for n in range(0, 5_000, 500):
        await store.append(rows(*events(range(n + 1, n + 501), process=process("p", args=("x" * 2000,)))))
    await store.aclose()
    store = open_store(tmp_path, size=8 * 1024 * 1024)
    await store.retain()
    assert (tmp_path / f"{sqlite_file.FILE}-wal").stat().st_size == 0
    assert (tmp_path / sqlite_file.FILE).stat().st_size < 8 * 1024 * 1024
    await store.aclose()


async def test_readers_never_wait_for_the_writer(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.append(rows(event(1)))
    other = sqlite_file.connect(tmp_path / sqlite_file.FILE)
    other.execute("BEGIN IMMEDIATE")
    assert (await store.state()).events == 1
    other.execute("ROLLBACK")
    other.close()
    await store.aclose()


def test_what_is_acknowledged_is_synced(tmp_path: Path) -> None:
    """FULL is 2: with NORMAL an acknowledged batch could be lost with the power."""
    db, *_ = sqlite_file.open_to_write(tmp_path / "new", sqlite_file.connect, sqlite_file.LOG_BYTES)
    assert [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")] == [2, "wal"]
    db.close()


async def test_a_log_that_is_gone_ends_no_writing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.append(rows(event(1)))
    (tmp_path / f"{sqlite_file.FILE}-wal").unlink()
    assert (await store.append(rows(event(2)))).accepted == 1
    assert (await store.append(rows(event(3)))).accepted == 1
    await store.aclose()
