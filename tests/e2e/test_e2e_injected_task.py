"""A task definition after `fargate-sensor inject`, run as ECS would run it."""

import json
import subprocess
import sys

import pytest
from docker_cli import BASE, wait_for
from ecs_task import ARN, EcsTask
from ingest_container import WRITE_TOKEN

SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:write-token"
APP = """
import pathlib, subprocess, time
time.sleep(2)
pathlib.Path("/etc/app-was-here").write_text(pathlib.Path("/shared/prepared").read_text())
while True:
    subprocess.run(["sleep", "0.25"])
"""
DEFINITION = {
    "family": "shop",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "512",
    "memory": "1024",
    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "volumes": [{"name": "shared"}],
    "containerDefinitions": [
        {
            "name": "app",
            "image": "shop:1",
            "entryPoint": ["python3", "-c"],
            "command": [APP],
            "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
            "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared", "readOnly": True}],
            "healthCheck": {"command": ["CMD-SHELL", "test -f /etc/app-was-here"], "interval": 5},
            "stopTimeout": 2,
        },
        {
            "name": "prepare",
            "image": "shop:1",
            "essential": False,
            "command": ["sh", "-c", "echo yes > /shared/prepared"],
            "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}],
        },
        {
            "name": "side",
            "image": "shop:1",
            "essential": False,
            "command": ["python3", "-c", "import signal; signal.pause()"],
            "user": "1000:1000",
            "readonlyRootFilesystem": True,
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
            "stopTimeout": 2,
        },
    ],
}


@pytest.fixture
def injected(lab, tmp_path):
    """A function that makes the task as the command injects it with these options, not started."""
    made = []

    def make(*options: str) -> EcsTask:
        written = tmp_path / "task.json"
        written.write_text(json.dumps(DEFINITION))
        settings = ["--env", "SENSOR_STOP_DEADLINE=8", "--image", "sensor:1", "-o", written]
        command = [sys.executable, "-m", "sensor.cli", "inject", "ecs", written, *settings, *options]
        subprocess.run(command, check=True, timeout=60)
        images = {"shop:1": BASE, "sensor:1": lab.images.sensor}
        made.append(EcsTask(lab.new, lab.network, json.loads(written.read_text()), images, {SECRET: WRITE_TOKEN}))
        return made[0]

    yield make
    for task in made:
        task.clear()


def test_app_and_sensor_work_the_sensor_first_and_last_and_every_event_has_its_names(injected, ingest):
    task = injected("--ingest-url", ingest.url, "--token-secret", SECRET)
    task.start()
    ids = {container.id: name for name, container in task.containers.items()}
    assert task.started.index("fargate-sensor") < task.started.index("app")
    assert task.started.index("fargate-sensor") < task.started.index("side")

    ingest.wait_for("process.exec", lambda event: event["process"].get("args") == ["sleep", "0.25"])
    ingest.wait_for("file.create", lambda event: event["file"]["path"] == "/etc/app-was-here")
    assert task.containers["app"].execute("cat", "/etc/app-was-here").stdout == "yes\n"
    assert task.containers["fargate-sensor"].execute("fargate-sensor", "health").returncode == 0
    assert task.stop()[-1] == "fargate-sensor"

    ingest.wait_for("sensor.stop", lambda _: True)
    events = ingest.events()
    assert {event["task"]["arn"] for event in events} == {ARN}
    of_ours = [event for event in events if event.get("container", {}).get("id") in ids]
    unnamed = [event for event in of_ours if event["container"].get("name") != ids[event["container"]["id"]]]
    assert unnamed == []
    assert {event["container"]["name"] for event in of_ours} >= {"app", "side"}
    ended = [event for event in events if event["kind"] == "process.exit" and event["container"].get("name") == "app"]
    assert any(event["process"].get("args", [""])[0] == "python3" for event in ended), "the app's end was seen"
    assert task.containers["fargate-sensor"].exit_code() == 0


def test_the_app_works_where_the_sensor_has_no_ingest_no_token_and_no_role(injected):
    task = injected("--ingest-url", "http://ingest.invalid", "--env", "SENSOR_STOP_DEADLINE=3")
    task.start()
    app, sensor = task.containers["app"], task.containers["fargate-sensor"]
    wait_for("the app works", lambda: app.execute("cat", "/etc/app-was-here").stdout == "yes\n")
    wait_for("the sensor is alive", lambda: sensor.execute("fargate-sensor", "health").returncode == 0)
    assert task.stop()[-1] == "fargate-sensor"
    assert sensor.exit_code() == 0
