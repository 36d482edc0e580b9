"""Opening the file of the embedded store: whose it is, whether it is whole, who else has it."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ingest_samples import open_store

from ingest.store import sqlite_file
from ingest.store.errors import StoreUnusable
from ingest.store.sqlite_schema import MIGRATIONS


def garbage(file: Path) -> None:
    file.write_bytes(b"this is no database at all " * 1000)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwritten_in_the_middle(file: Path) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(size // 2)
        opened.write(b"\xff" * 20_000)


@pytest.mark.parametrize("damage", [garbage, cut_short, overwritten_in_the_middle])
def test_a_damaged_file_is_refused_with_its_name(file: Path, damage: Callable[[Path], None]) -> None:
    damage(file)
    with pytest.raises(StoreUnusable, match=r"events\.sqlite3: damaged .*; move it away"):
        open_store(file.parent)


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_file_that_another_program_holds_is_not_called_damaged(file: Path, lock: str) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute(f"BEGIN {lock}")
    with pytest.raises(StoreUnusable, match=r"cannot be used \(database is locked\); see whether") as told:
        open_store(file.parent, connect=lambda path: sqlite3.connect(path, timeout=0, isolation_level=None))
    assert "move it away" not in str(told.value)
    other.close()


@contextmanager
def no_room() -> Iterator[None]:
    """As on a full disk, no file grows beyond a page: the index of the write-ahead log cannot be made."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_at_the_start_does_not_cost_the_store(file: Path) -> None:
    with no_room(), pytest.raises(StoreUnusable) as told:
        open_store(file.parent)
    assert "cannot be used (disk I/O error); see whether its disk is full" in str(told.value)
    assert "move it away" not in str(told.value)
    await open_store(file.parent).aclose()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / sqlite_file.FILE)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = (tmp_path / sqlite_file.FILE).read_bytes()
    with pytest.raises(StoreUnusable, match="not a store of this program"):
        open_store(tmp_path)
    assert (tmp_path / sqlite_file.FILE).read_bytes() == before


def test_a_file_of_a_later_version_is_left_alone(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreUnusable, match="made by a later version"):
        open_store(file.parent)


async def test_two_cannot_use_one_directory(tmp_path: Path) -> None:
    first = open_store(tmp_path)
    with pytest.raises(StoreUnusable, match="in use by another ingest"):
        open_store(tmp_path)
    await first.aclose()
    await open_store(tmp_path).aclose()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match="cannot be written to"):
        open_store(tmp_path / "file" / "below")
