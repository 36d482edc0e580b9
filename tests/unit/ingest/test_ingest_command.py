import threading
import time
from pathlib import Path

import httpx
import pytest
from ingest_process import TOKENS, Running, run, running
from ingest_samples import READING, WRITING, event, events, packed

from ingest.config import Address
from ingest.listening import bound, listen


def test_help_shows_an_example() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    assert "example:" in ended.stdout
    assert "fargate-sensor ingest --listen" in ended.stdout


def test_wrong_usage_is_2() -> None:
    ended = run("--no-such-option", **TOKENS)
    assert ended.returncode == 2
    assert "--no-such-option" in ended.stderr


def test_a_wrong_configuration_is_2_with_a_line_for_each_key() -> None:
    ended = run("--listen", "nowhere", INGEST_WRITE_TOKEN="x", INGEST_RETENTION="5")
    lines = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert [line.removeprefix("fargate-sensor ingest: ").split(":")[0] for line in lines] == [
        "INGEST_LISTEN",
        "INGEST_READ_TOKEN",
        "INGEST_RETENTION",
        "INGEST_WRITE_TOKEN",
    ]


def test_a_port_in_use_is_1_and_one_line(tmp_path: Path) -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        address = str(bound(taken))
        ended = run("--listen", address, "--data-dir", str(tmp_path), **TOKENS)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"fargate-sensor ingest: cannot listen on {address}: Address already in use; name another")


def test_a_damaged_store_is_1_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite3").write_bytes(b"no database" * 1000)
    ended = run("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path), **TOKENS)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "events.sqlite3: damaged" in line


def test_a_second_one_on_the_same_data_is_1_and_one_line(tmp_path: Path) -> None:
    with running(tmp_path):
        ended = run("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path), **TOKENS)
    assert ended.returncode == 1
    assert "in use by another ingest" in ended.stderr


def test_sigterm_ends_it_at_once_with_0_though_a_stream_is_open(tmp_path: Path) -> None:
    with (
        running(tmp_path) as ingest,
        ingest.client() as client,
        client.stream("GET", "/v1/stream", headers=READING) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        began = time.monotonic()
        code, log = ingest.terminate()
        assert list(lines)[-1] == ""  # it was ended, not cut off
    assert code == 0
    assert time.monotonic() - began < 3
    assert "SIGTERM: ending" in log
    assert "Traceback" not in log


def test_sigterm_does_not_wait_for_a_client_that_sends_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as ingest, httpx.Client(trust_env=False) as client:
        client.get(f"{ingest.url}/healthz")  # the connection stays open
        code, _ = ingest.terminate()
    assert code == 0


def test_tokens_are_not_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path) as ingest, ingest.client() as client:
        client.get("/v1/tasks", headers=READING)
        client.get("/v1/tasks", headers=WRITING)
        _, log = ingest.terminate()
    assert not any(token in "".join(ingest.lines) + log for token in TOKENS.values())


class Sender(threading.Thread):
    """Sends batches of ten until the ingest is gone; `acknowledged` are the events that it was told are stored."""

    def __init__(self, ingest: Running, sensor: str, enough: threading.Semaphore) -> None:
        super().__init__()
        self.ingest, self.sensor, self.enough = ingest, sensor, enough
        self.acknowledged: set[str] = set()
        self.sent = 0

    def run(self) -> None:
        with self.ingest.client() as client:
            while True:
                seqs = range(self.sent + 1, self.sent + 11)
                self.sent += 10
                try:
                    answer = client.post(
                        "/v1/batches", content=packed(*events(seqs), sensor=self.sensor), headers=WRITING
                    )
                except httpx.HTTPError:
                    return
                if answer.status_code == 202:
                    self.acknowledged |= {f"{self.sensor}/e1/ordinary/{seq}" for seq in seqs}
                    self.enough.release()


def ids_stored(client: httpx.Client) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        body = client.get(f"/v1/events?limit=1000{cursor}", headers=READING).json()
        ids += [each["id"] for each in body["events"]]
        if body["next"] is None:
            return ids
        cursor = f"&cursor={body['next']}"


@pytest.mark.parametrize("after", [1, 7, 40])
def test_what_was_acknowledged_survives_a_kill_exactly_once(tmp_path: Path, after: int) -> None:
    enough = threading.Semaphore(0)
    with running(tmp_path) as ingest:
        senders = [Sender(ingest, f"s{n}", enough) for n in range(3)]
        for sender in senders:
            sender.start()
        for _ in range(after):
            assert enough.acquire(timeout=20)
        ingest.kill()
        for sender in senders:
            sender.join(20)
    acknowledged = set.union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) >= after * 10
    with running(tmp_path) as ingest, ingest.client() as client:
        ids = ids_stored(client)
        assert len(ids) == len(set(ids))
        assert set(ids) >= acknowledged
        assert len(ids) % 10 == 0, "a batch is there whole or not at all"
        for sender in senders:  # as the sensor does that got no answer: all of it again
            body = packed(*events(range(1, sender.sent + 1)), sensor=sender.sensor)
            answer = client.post("/v1/batches", content=body, headers=WRITING).json()
            assert answer["accepted"] + answer["duplicates"] == sender.sent
        ids = ids_stored(client)
        assert len(ids) == len(set(ids)) == sum(sender.sent for sender in senders)


def test_the_data_directory_is_for_the_owner_alone(tmp_path: Path) -> None:
    with running(tmp_path / "new") as ingest, ingest.client() as client:
        client.post("/v1/batches", content=packed(event(1)), headers=WRITING)
        assert (tmp_path / "new").stat().st_mode & 0o077 == 0
