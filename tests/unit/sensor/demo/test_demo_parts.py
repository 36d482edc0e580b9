"""The demo's client, summary and ports, each by itself."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sensor.demo import compose, session
from sensor.demo.ingest_client import PAGE, IngestClient
from sensor.demo.session import DemoFailed, free_port
from sensor.demo.summary import Summary, summarise
from tests.local_http import QuietHandler, serving

KINDS = ["process.exec"] * 1500 + ["file.create", "sensor.stop"]


class FakeIngest(QuietHandler):
    """Answers what the demo asks: pages of `KINDS`, one task, one farewell, and Prometheus text."""

    ready = True

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/readyz":
            self.answer(200 if self.ready else 503, "")
        elif url.path == "/metrics":
            self.answer(200, 'ingest_bytes_total{form="sent"} 1234.0\ningest_bytes_total{form="plain"} 5.6e+03\n')
        elif self.headers["Authorization"] != "Bearer reads":
            self.answer(401, '{"error": "no"}')
        elif url.path == "/v1/tasks":
            self.answer(200, json.dumps({"tasks": [{"events": 7, "losses": 3, "unexplained": 2, "seen": 98}]}))
        else:
            self.answer(200, json.dumps(self._events(asked)))

    def _events(self, asked: dict[str, str]) -> dict[str, Any]:
        if asked.get("kind") == "sensor.stop":
            return {"events": [{"kind": "sensor.stop", "health": {"losses": {"queue_full": 3}}}], "next": None}
        start, limit = int(asked.get("cursor", 0)), int(asked["limit"])
        kinds = [kind for kind in KINDS if asked.get("kind", kind) == kind]
        page = [{"kind": kind, "number": start + i} for i, kind in enumerate(kinds[start : start + limit])]
        return {"events": page, "next": str(start + limit) if start + limit < len(kinds) else None}


@pytest.fixture
def url() -> Iterator[str]:
    with serving(FakeIngest) as address:
        yield address


def test_the_summary_is_what_the_ingest_says(url: str) -> None:
    found = summarise(IngestClient(url, "reads"))
    assert found.kinds == Counter(KINDS)
    assert (found.bytes, found.losses) == ({"sent": 1234, "plain": 5600}, {"queue_full": 3})
    assert (found.unexplained, found.seen) == (2, 98)


def test_the_report_has_what_stands_behind_a_thousand_others(url: str) -> None:
    found = IngestClient(url, "reads").all_of(KINDS[0])
    assert [event["number"] for event in found] == list(range(KINDS.count(KINDS[0])))
    assert len(found) > PAGE


def test_readiness_is_asked_for_and_an_ingest_that_is_not_there_is_not_ready(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert IngestClient(url, "reads").ready()
    monkeypatch.setattr(FakeIngest, "ready", False)
    assert not IngestClient(url, "reads").ready()
    assert not IngestClient("http://127.0.0.1:9", "reads").ready()


def test_a_refusal_is_an_error_of_the_ingest(url: str) -> None:
    with pytest.raises(OSError, match="401"):
        IngestClient(url, "guesses").tasks()


def test_a_proxy_of_the_users_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert IngestClient(url, "reads").ready()


def test_the_table() -> None:
    kinds = Counter({"process.exec": 1200, "file.create": 3})
    assert Summary(kinds, {"sent": 1234, "plain": 5678}, {"queue_full": 12}, 4, 247).table().splitlines() == [
        "",
        "events",
        "  file.create                 3",
        "  process.exec            1,200",
        "  all                     1,203",
        "shipped",
        "  1.2 kB, 5.7 kB before compression",
        "lost",
        "  queue_full                 12",
        "  unexplained ≤ 4: at least 98.4 % of new processes seen",
    ]
    assert "  nothing\n" in Summary(kinds, {}, {}, 0, 9).table()


def test_the_sensors_own_reports_do_not_count_as_seen() -> None:
    assert not Summary(Counter({"sensor.start": 1, "sensor.stop": 1}), {}, {}, 0, 0).arrived
    assert Summary(Counter({"sensor.start": 1, "process.exec": 1}), {}, {}, 0, 0).arrived


def test_a_port_that_is_taken_is_told_if_wanted_and_else_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoFailed, match=f"port {port} cannot be used: Address already in use; leave --port out"):
            free_port(port)
        monkeypatch.setattr(session, "USUAL_PORT", port)
        assert free_port(None) not in (0, port)
    assert free_port(port) == port


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that notes how it was called; `up` stays up when there is a file called `stay`."""
    called = tmp_path / "called"
    program = tmp_path / "docker"
    program.write_text(
        f'#!/bin/sh\necho "$@" "${{INGEST_READ_TOKEN:+with a token}}" >>{called}\n'
        f'if [ "$4" = up ] && [ -e {tmp_path}/stay ]; then exec sleep 60; fi\nexit 3\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "compose.yaml").touch()
    return called


def test_without_proc_the_compose_file_is_run_and_taken_down(docker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = docker.with_name("compose.yaml")
    assert compose.run(None, file) == 3
    assert docker.read_text().splitlines() == [
        f"compose --file {file} up --build with a token",
        f"compose --file {file} down with a token",
    ]
    assert "console: http://127.0.0.1:8080/#token=" in capsys.readouterr().out


def test_the_compose_file_is_taken_down_when_the_time_is_over(docker: Path) -> None:
    docker.with_name("stay").touch()
    assert compose.run(0.2, docker.with_name("compose.yaml")) == 0
    assert "down" in docker.read_text()


def test_without_docker_or_a_checkout_it_says_how(
    docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compose.run(None, docker.with_name("nowhere.yaml")) == 1
    assert "needs the compose.yaml of a checkout" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(docker.with_name("empty")))
    assert compose.run(None, docker.with_name("compose.yaml")) == 1
    assert "needs docker" in capsys.readouterr().err
