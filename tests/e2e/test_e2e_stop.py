"""The end: after the others, with final counters, in time, and with 0."""

import time

from bad_link import bad_link
from docker_cli import wait_for
from numbered_events import numbers, writer

TRAP = """
import os, signal, sys, time
def bye(*_):
    for number in range(20):
        os.close(os.open(f"/etc/numbered-{number}", os.O_CREAT | os.O_WRONLY))
        time.sleep(0.1)
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
print("ready", flush=True)
while True:
    signal.pause()
"""


def stop_report(ingest):
    """The health of the sensor's last report."""
    return ingest.wait_for("sensor.stop", lambda _: True)["health"]


def test_what_an_application_does_while_it_shuts_down_is_still_seen(lab, ingest):
    task = lab.task({"SENSOR_STOP_DEADLINE": "25"})
    task.wait_healthy()
    app = task.app(TRAP)
    ingest.wait_for("container.start", lambda event: event["container"]["id"] == app.id)
    wait_for("the app is ready", app.logs)

    task.sensor.kill("TERM")
    app.kill("TERM")

    task.sensor.wait_stopped()
    assert task.sensor.exit_code() == 0
    assert numbers(ingest, app) == list(range(20))
    ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)
    assert stop_report(ingest)["stop_added_s"] < 5
    assert ingest.told_once()


def test_a_sibling_that_stays_is_left_in_time(lab, ingest):
    task = lab.task({"SENSOR_STOP_DEADLINE": "6"})
    task.wait_healthy()
    app = task.app("import time; time.sleep(3600)")
    ingest.wait_for("container.start", lambda event: event["container"]["id"] == app.id)

    begin = time.monotonic()
    task.sensor.kill("TERM")
    task.sensor.wait_stopped()

    assert 3.5 < time.monotonic() - begin < 8
    assert task.sensor.exit_code() == 0
    assert stop_report(ingest)["stop_added_s"] == 0


def test_an_end_without_an_ingest_is_in_time_and_with_0(lab):
    task = lab.task({"SENSOR_STOP_DEADLINE": "4"})
    task.wait_healthy()

    begin = time.monotonic()
    task.sensor.kill("TERM")
    task.sensor.wait_stopped()

    assert time.monotonic() - begin < 7
    assert task.sensor.exit_code() == 0


def test_a_slow_link_gets_all_that_waits_or_the_rest_is_counted(lab, ingest):
    _, address = bad_link(lab, bytes_a_second=1_000_000)
    unbounded = {"SENSOR_FOLD": "off", "SENSOR_DAILY_MB": "0", "SENSOR_STOP_DEADLINE": "25"}
    task = lab.task({"SENSOR_INGEST_URL": address, **unbounded})
    task.wait_healthy()
    ingest.kill("STOP")
    app = writer(lab, task, count=5000, a_second=1000)
    app.wait_stopped(60)
    ingest.kill("CONT")

    begin = time.monotonic()
    task.sensor.kill("TERM")
    task.sensor.wait_stopped()

    assert time.monotonic() - begin < 25
    assert task.sensor.exit_code() == 0
    health = stop_report(ingest)
    lost = sum(health.get("losses", {}).values())
    assert len(numbers(ingest, app)) >= 5000 - lost
    assert ingest.told_once() or lost


def test_with_the_last_application_it_ends_by_itself(lab, ingest):
    task = lab.task({"SENSOR_EXIT_WHEN_ALONE": "true"})
    task.wait_healthy()
    app = task.app("import time; time.sleep(3)")
    app.wait_stopped()

    task.sensor.wait_stopped(30)
    assert task.sensor.exit_code() == 0
    ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)
    stop_report(ingest)
