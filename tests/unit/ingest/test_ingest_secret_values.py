"""Tokens and keys that are replaced while the ingest runs."""

from pathlib import Path

import pytest
from ingest_samples import client_of, event, packed

from ingest import secret_values
from ingest.secret_values import Rotating, values
from ingest.store.protocol import Store

OLD, NEW = "old-token-1", "new-token-2"


def test_one_or_two_lines() -> None:
    assert values(f"{NEW}\n", 8) == (NEW,)
    assert values(f"  {NEW}\r\n\n{OLD}\n", 8) == (NEW, OLD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "a-token-1\nb-token-2\nc-token-3",
        "short",
        f"{NEW}\nshort",
        "with a blank",
        "tab\tinside",
        "ä" * 9,
        "fst1.abcdefgh",
    ],
)
def test_what_is_no_secret_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="should be") as caught:
        values(text, 8)
    assert not any(line.strip() and line.strip() in str(caught.value) for line in text.splitlines())


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(OLD)
    secrets = Rotating(OLD, 8, file)
    assert secrets() == (OLD.encode(),)
    file.write_text(f"{NEW}\n{OLD}\n")
    assert secrets() == (NEW.encode(), OLD.encode())
    (tmp_path / "next").write_text(NEW)
    (tmp_path / "next").rename(file)
    assert secrets() == (NEW.encode(),)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 10, b"one-line\ntwo-lines\nthree-lines"])
def test_a_file_that_cannot_be_used_is_told_once_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_text(OLD)
    secrets = Rotating(OLD, 8, file)
    file.write_bytes(content)
    assert secrets() == secrets() == (OLD.encode(),)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{file}: ")
    assert line.endswith("what was read before stays in use")


def test_a_file_that_is_gone_is_told_and_read_when_it_is_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "token"
    file.write_text(OLD)
    secrets = Rotating(OLD, 8, file)
    assert secrets() == (OLD.encode(),)
    file.unlink()
    assert secrets() == (OLD.encode(),)
    assert f"{file}: No such file or directory" in caplog.text
    file.write_text(NEW)
    assert secrets() == (NEW.encode(),)


def test_a_file_that_could_not_be_read_is_read_once_its_mode_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text(NEW)
    file.chmod(0)

    def read(path: Path) -> str:
        if not path.stat().st_mode & 0o400:  # said by hand: root may read all
            raise ValueError("Permission denied")
        return path.read_text()

    monkeypatch.setattr(secret_values, "read", read)
    secrets = Rotating(OLD, 8, file)
    assert secrets() == secrets() == (OLD.encode(),)
    assert caplog.text.count("Permission denied") == 1
    file.chmod(0o400)
    assert secrets() == (NEW.encode(),)


async def test_while_a_token_is_replaced_both_write_and_then_only_the_new_one(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{NEW}\n{OLD}")
    async with client_of(store, write_token=file.read_text(), write_token_file=file) as client:

        async def status(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/msgpack"}
            return (await client.post("/v1/batches", content=packed(event(1)), headers=headers)).status_code

        assert [await status(token) for token in (OLD, NEW)] == [202, 202]
        file.write_text(NEW)
        assert [await status(token) for token in (OLD, NEW)] == [401, 202]


async def test_a_token_that_comes_to_be_for_both_is_good_for_neither(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "read"
    file.write_text(OLD)
    async with client_of(store, read_token=OLD, read_token_file=file, write_token=NEW) as client:
        bearer = {"Authorization": f"Bearer {NEW}", "Content-Type": "application/msgpack"}
        assert (await client.post("/v1/batches", content=packed(event(1)), headers=bearer)).status_code == 202
        file.write_text(f"{OLD}\n{NEW}\n")
        read = await client.get("/v1/tasks", headers=bearer)
        written = await client.post("/v1/batches", content=packed(event(2)), headers=bearer)
        assert (read.status_code, written.status_code) == (403, 403)
        assert "both to write and to read" in read.json()["error"]
        assert (await client.get("/v1/tasks", headers={"Authorization": f"Bearer {OLD}"})).status_code == 200
    assert caplog.text.count("have a line in common") == 1
    assert NEW not in caplog.text
