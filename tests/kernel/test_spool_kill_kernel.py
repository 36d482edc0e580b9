"""A real sensor is killed while its ingest is stalled: the next one delivers what it left, once, and tells the loss."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes_pipeline import unsealed
from ingest_process import Running, running
from ingest_samples import READING, WRITE_TOKEN
from running import until

from sensor.model.kinds import Lane
from sensor.pipeline.spool.record import scan

pytestmark = pytest.mark.kernel

COUNT = 20


@contextmanager
def sensor(ingest: Running, spool: Path) -> Iterator["subprocess.Popen[str]"]:
    """The sidecar as it is started in a container, its log in a pipe."""
    settings = {
        "SENSOR_INGEST_URL": ingest.url,
        "SENSOR_INGEST_TOKEN": WRITE_TOKEN,
        "SENSOR_SPOOL_DIR": str(spool),
        "SENSOR_STOP_DEADLINE": "10",
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SENSOR_", "INGEST_"))}
    command = [sys.executable, "-m", "sensor.cli", "run"]
    process = subprocess.Popen(command, env=clean | settings, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(ingest: Running, **query: str) -> list[dict[str, Any]]:
    """The newest events that match."""
    answer = httpx.get(
        f"{ingest.url}/v1/events", params={"limit": "500", **query}, headers=READING, timeout=20, trust_env=False
    )
    return list(answer.raise_for_status().json()["events"])


def commands(events: list[dict[str, Any]], marker: str) -> set[str]:
    """The last arguments that begin with the marker."""
    last = (event.get("process", {}).get("args", [""])[-1] for event in events)
    return {argument for argument in last if argument.startswith(marker)}


def spooled(spool: Path, marker: str) -> set[str]:
    """The same, of what lies in the spool's files."""
    found = set()
    for path in (spool / "fargate-sensor-spool").glob("ordinary-*"):
        first = int(path.stem.partition("-")[2], 16)
        for record in scan(path.read_bytes(), Lane.ORDINARY, first).records:
            for event in unsealed(record.sealed.data).events:
                if event.process and event.process.args and event.process.args[-1].startswith(marker):
                    found.add(event.process.args[-1])
    return found


async def test_a_killed_sensors_events_arrive_once_with_their_own_identity(tmp_path: Path) -> None:
    spool = tmp_path / "volume"
    spool.mkdir()
    (tmp_path / "data").mkdir()
    marker = f"0.1{os.getpid()}"
    wanted = {f"{marker}{n:03d}" for n in range(COUNT)}
    with running(tmp_path / "data") as ingest:
        with sensor(ingest, spool) as first:
            await until(lambda: told(ingest, kind="sensor.start"), "the sensor has started")
            ingest.process.send_signal(signal.SIGSTOP)
            for argument in sorted(wanted):
                subprocess.run(["sleep", argument], check=True)
            await until(lambda: len(spooled(spool, marker)) > COUNT // 2, "most is spooled")
            first.kill()
            first.wait()
        seen = spooled(spool, marker)
        ingest.process.send_signal(signal.SIGCONT)
        with sensor(ingest, spool) as second:
            await until(lambda: seen <= commands(told(ingest, kind="process.exec"), marker), "what was spooled arrives")
            await until(lambda: len(told(ingest, kind="sensor.start")) == 2, "the next one has started")
            losses = {event["loss"]["reason"]: event["loss"] for event in told(ingest, kind="sensor.loss")}
            second.terminate()
            assert second.wait(timeout=30) == 0
        events = told(ingest)
        ours = told(ingest, kind="process.exec", q=marker)  # others on this machine may have run hundreds since
        (stop,) = told(ingest, kind="sensor.stop")
    assert losses["killed"]["bound"] == "at_most"
    assert losses["killed_unnumbered"]["bound"] == "unknown"
    assert len({event["id"] for event in events}) == len(events)
    by_first = {
        event["id"]
        for event in ours
        if commands([event], marker) and event["sensor"]["epoch"] != stop["sensor"]["epoch"]
    }
    assert len(by_first) >= len(seen), "with the identity of the sensor that saw them"
    assert stop["health"]["stop_added_s"] < 10
