"""A sensor that is killed, disks that fail, an ingest that misbehaves: nothing doubled, and what is lost counted."""

from collections.abc import Iterator

import pytest
from bad_link import FAULTS, bad_link
from docker_cli import wait_for
from lab import temporary_volume
from numbered_events import holes, missing, numbers, writer

PROMISED_AHEAD = 256
"""Numbers of both lanes that may have been promised and not handed out, after a burst."""
SPOOL = "/var/spool/sensor"
UNFOLDED = {"SENSOR_FOLD": "off", "SENSOR_DAILY_MB": "0"}


@pytest.fixture
def volume(lab) -> Iterator[str]:
    """A volume that goes after the lab's containers."""
    with temporary_volume() as name:
        yield name
        lab.clear()


def spooling(lab, volume, **environment):
    """A task whose sensor spools on the volume."""
    options = [f"--volume={volume}:{SPOOL}"]
    return lab.task({**UNFOLDED, "SENSOR_SPOOL_DIR": SPOOL, **environment}, sensor_options=options)


def losses(ingest, reason):
    """All that was told of one reason by any run of the sensor."""
    return sum(e["loss"].get("count", 0) for e in ingest.events(kind="sensor.loss") if e["loss"]["reason"] == reason)


def test_what_waits_on_disk_for_an_ingest_that_is_away_survives_kills(lab, volume):
    task = spooling(lab, volume)
    task.wait_healthy()
    app = writer(lab, task, count=300, a_second=50)
    app.wait_stopped(60)
    wait_for("a second has gone by for the last batch", lambda: "ordinary" in spooled(task))
    for _ in range(2):
        task.sensor.kill("KILL")
        task.sensor.wait_stopped()
        task.sensor.start()
        task.wait_healthy()
    lab.ingest.start().wait_ready()

    wait_for("all are there", lambda: len(numbers(lab.ingest, app)) >= 250, 45)
    wait_for("the kills are told", lambda: losses(lab.ingest, "killed") > 0)
    found = numbers(lab.ingest, app)
    assert len(found) == len(set(found)), "none twice"
    assert missing(found, 300) <= losses(lab.ingest, "killed")


def test_kills_every_few_seconds_double_nothing_and_cost_a_second_each_at_most(lab, ingest, volume):
    task = spooling(lab, volume)
    task.wait_healthy()
    app = writer(lab, task, count=1000, a_second=50)
    for _ in range(4):
        before = len(numbers(ingest, app))
        wait_for("the sensor tells of the app", lambda before=before: len(numbers(ingest, app)) > before + 50, 30)
        task.sensor.kill("KILL")
        task.sensor.wait_stopped()
        task.sensor.start()
    app.wait_stopped(60)
    task.sensor.kill("TERM")
    task.sensor.wait_stopped()

    found = numbers(ingest, app)
    told = [e["loss"]["count"] for e in ingest.events(kind="sensor.loss") if e["loss"]["reason"] == "killed"]
    assert len(found) == len(set(found)), "none twice"
    assert holes(ingest, app) <= sum(told)
    assert len(told) == 4
    assert max(told) <= 50 + PROMISED_AHEAD


def spooled(task):
    """The names in the spool."""
    return task.sensor.execute("ls", f"{SPOOL}/fargate-sensor-spool").stdout


def test_a_full_disk_is_told_once_and_nothing_is_lost(lab, ingest):
    environment = {**UNFOLDED, "SENSOR_SPOOL_DIR": SPOOL}
    task = lab.task(environment, sensor_options=[f"--tmpfs={SPOOL}:size=64k"])
    task.wait_healthy()
    fill = task.sensor.execute("sh", "-c", f"head -c 1000000 /dev/zero > {SPOOL}/filler")
    assert "No space left" in fill.stderr
    ingest.kill("STOP")
    app = writer(lab, task, count=500, a_second=100)
    app.wait_stopped(60)
    ingest.kill("CONT")

    wait_for("all are there", lambda: len(set(numbers(ingest, app))) == 500, 60)
    assert task.sensor.logs().count("the spool directory cannot be used") == 1
    assert ingest.told_once()


def test_a_read_only_disk_is_told_once_and_nothing_is_lost(lab, ingest, volume):
    environment = {**UNFOLDED, "SENSOR_SPOOL_DIR": SPOOL}
    task = lab.task(environment, sensor_options=[f"--volume={volume}:{SPOOL}:ro"])
    task.wait_healthy()
    app = writer(lab, task, count=100, a_second=100)

    wait_for("all are there", lambda: len(set(numbers(ingest, app))) == 100, 30)
    assert task.sensor.logs().count("the spool directory cannot be used") == 1


def test_an_ingest_that_misbehaves_at_random_loses_nothing_and_has_nothing_twice(lab, ingest):
    link, address = bad_link(lab, faults=FAULTS)
    task = lab.task({**UNFOLDED, "SENSOR_INGEST_URL": address, "SENSOR_BATCH_AGE": "0.2"})
    task.wait_healthy()
    app = writer(lab, task, count=750, a_second=50)
    app.wait_stopped(90)

    wait_for("all are there", lambda: len(set(numbers(ingest, app))) == 750, 150)
    assert ingest.told_once()
    assert {"busy", "broken", "reset", "half", "lost"} <= set(link.logs().split())
