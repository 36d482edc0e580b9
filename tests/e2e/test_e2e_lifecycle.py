"""How the sensor starts, parks, tells of itself, and ends; and how it lets containers go."""

import json

from docker_cli import wait_for

IDLE = "import time; time.sleep(3600)"
HELD = """
import os, sys
here = os.stat("/").st_dev
held = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        ours = os.stat(f"/proc/{pid}/root").st_dev == here
        links = os.scandir(f"/proc/{pid}/fd") if ours else ()
        held += sum(os.stat(link.path).st_dev == int(sys.argv[1]) for link in links)
    except FileNotFoundError:
        continue
print(held)
"""


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


def test_wrong_configuration_parks_and_tells_every_wrong_key_in_the_log_and_to_the_ingest(lab, ingest):
    wrong = {"SENSOR_BATCH_AGE": "soon", "SENSOR_QUEUE_EVENTS": "7", "SENSOR_INGEST_URI": "https://ingest.example.org"}
    task = lab.task(wrong)

    wait_for("the sensor is parked", lambda: "parked" in task.sensor.execute("fargate-sensor", "health").stdout)
    told = "\n".join(ingest.wait_for("sensor.start", lambda _: True)["health"]["parked"])
    assert task.sensor.running()
    for key in wrong:
        assert key in told
        assert key in task.sensor.logs()
    assert not ingest.events(kind="process")


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


def held_by_sensor(task, device):
    """How many descriptors on a device the sensor's own processes have open."""
    return int(task.sensor.execute("python3", "-c", HELD, str(device)).stdout)


def test_a_container_that_stops_is_told_and_let_go(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app(IDLE)
    ingest.wait_for("container.start", lambda event: event["container"]["id"] == app.id)
    device = int(app.execute("stat", "--format=%d", "/").stdout)
    wait_for("the sensor reaches into the container", lambda: held_by_sensor(task, device) > 0)

    app.kill("KILL")

    ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id)
    wait_for("the container's file system is let go", lambda: held_by_sensor(task, device) == 0)
    app.remove()
    assert task.sensor.running()
    assert task.sensor.execute("fargate-sensor", "health").returncode == 0
