"""How the sensor starts, parks, tells of itself, and ends; and how it lets containers go."""

import json

from docker_cli import wait_for

IDLE = "import time; time.sleep(3600)"


def test_sigterm_delivers_what_is_left_and_exits_0(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    task.app("import subprocess; subprocess.run(['sleep', '0.314'])")
    ingest.wait_for("process.exec", lambda event: event["process"].get("args") == ["sleep", "0.314"])

    task.sensor.kill("TERM")

    task.sensor.wait_stopped()
    assert task.sensor.exit_code() == 0
    (stop,) = ingest.events(kind="sensor.stop")
    assert not stop["health"].get("losses")
    assert ingest.told_once()


def test_wrong_configuration_parks_and_tells_every_wrong_key(lab):
    task = lab.task({"SENSOR_BATCH_AGE": "soon", "SENSOR_QUEUE_EVENTS": "7", "SENSOR_INGEST_URI": "https://x"})

    wait_for("the sensor is parked", lambda: "parked" in task.sensor.execute("fargate-sensor", "health").stdout)
    log = task.sensor.logs()
    assert task.sensor.running()
    for key in ("SENSOR_BATCH_AGE", "SENSOR_QUEUE_EVENTS", "SENSOR_INGEST_URI"):
        assert key in log


def test_strict_ends_a_wrong_configuration_with_2(lab):
    task = lab.task({"SENSOR_BATCH_AGE": "soon"}, command=["run", "--strict"])

    task.sensor.wait_stopped()
    assert task.sensor.exit_code() == 2
    assert "SENSOR_BATCH_AGE" in task.sensor.logs()


def test_health_and_doctor_answer_inside_the_container(lab, ingest):
    task = lab.task()
    task.wait_healthy()

    health = task.sensor.execute("fargate-sensor", "health")
    doctor = task.sensor.execute("fargate-sensor", "doctor", "--json")

    assert health.returncode == 0, health.stderr
    assert json.loads(doctor.stdout), doctor.stderr


def test_a_container_that_stops_is_told_and_let_go(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app(IDLE)
    ingest.wait_for("container.start", lambda event: event["container"]["id"] == app.id)
    root = app.inspect()["GraphDriver"]["Data"]["MergedDir"]

    app.kill("KILL")

    ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)
    app.remove()
    wait_for(
        "no process holds the container's file system",
        lambda: root not in task.sensor.execute("cat", "/proc/1/mountinfo").stdout,
    )
    assert task.sensor.running()
    assert task.sensor.execute("fargate-sensor", "health").returncode == 0
