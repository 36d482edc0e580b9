"""Live posture: what is wrong with a container is told once, of a hardened one nothing is, and no secret's value."""

import json
from functools import partial

from docker_cli import BASE, docker, wait_for
from ecs_task import ARN, ENDPOINT, PATH, PORT

SECRET = "hunter2-and-nothing-else"
LISTENS = """
import socket, time
mapped, unmapped = socket.create_server(("", 8080)), socket.create_server(("", 9229))
time.sleep(3600)
"""
SECOND_LOOK_S = 80
"""Seconds: what a busy machine keeps from being seen at the first look is seen at the second one, a minute later."""
EVERYWHERE = ["root-user", "secret-in-environment", "writable-root"]
METADATA = {
    "TaskARN": ARN,
    "LaunchType": "FARGATE",
    "Containers": [{"DockerId": "none-that-runs", "Ports": [{"ContainerPort": 8080, "Protocol": "tcp"}]}],
}


def careless(lab, task):
    """An app as root, on a root that can be written, with secrets in its environment."""
    secrets = [f"--env=DB_PASSWORD={SECRET}", f"--env=DATABASE_URL=postgres://shop:{SECRET}@db/shop"]
    return lab.new("careless", BASE, [*task.shared, *secrets], ["python3", "-c", LISTENS]).start()


def hardened(lab, task):
    """An app as it should be; the variables that ECS sets are no secrets."""
    options = ["--user=1000:1000", "--read-only", "--cap-drop=ALL"]
    platform = "--env=AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/4c7b"
    app = [*task.shared, *options, platform]
    return lab.new("hardened", BASE, app, ["python3", "-c", "import time; time.sleep(3600)"]).start()


def metadata(lab):
    """An endpoint that tells of port mappings, and its address."""
    endpoint = lab.new("metadata", BASE, [f"--network={lab.network}"], ["python3", "-c", ENDPOINT]).start()
    write = f"import pathlib; pathlib.Path('/tmp/task.json').write_text({json.dumps(METADATA)!r})"
    assert endpoint.execute("python3", "-c", write).returncode == 0
    return f"http://{endpoint.name}:{PORT}{PATH}"


def has_read_all(told, heartbeat):
    """Whether the sensor that told an event says after it that no environment is closed to it."""
    follows = heartbeat["sensor"]["id"] == told["sensor"]["id"] and heartbeat["time"] > told["time"]
    return follows and heartbeat["health"]["collectors"]["posture"] == {"status": "ok"}


def test_a_careless_app_is_told_of_once_and_a_hardened_one_is_not(lab, ingest):
    settings = {"ECS_CONTAINER_METADATA_URI_V4": metadata(lab), "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}
    beats = {"SENSOR_HEARTBEAT": "2"}
    tasks = [lab.task(settings | beats), lab.task(beats, ptrace=False)]
    for task in tasks:
        task.wait_healthy()
    good = [hardened(lab, task) for task in tasks]
    on_ecs, on_eks = [careless(lab, task) for task in tasks]

    def told(app):
        return [event for event in ingest.events(kind="posture") if event["container"]["id"] == app.id]

    def checks(app):
        return sorted(event["posture"]["check"] for event in told(app))

    wait_for("what is wrong on ECS", lambda: len(checks(on_ecs)) >= 4, SECOND_LOOK_S)
    wait_for("what is wrong on EKS", lambda: len(checks(on_eks)) >= 3, SECOND_LOOK_S)
    assert checks(on_ecs) == sorted([*EVERYWHERE, "unmapped-listener"])
    assert checks(on_eks) == EVERYWHERE, "nothing tells of port mappings there"
    assert [checks(app) for app in good] == [[], []], "they were looked at before"
    for last in (told(on_ecs)[-1], told(on_eks)[-1]):
        ingest.wait_for("sensor.heartbeat", partial(has_read_all, last), SECOND_LOOK_S)

    found = {event["posture"]["check"]: event for event in told(on_ecs)}
    assert sorted(found["secret-in-environment"]["posture"]["found"]) == ["DATABASE_URL", "DB_PASSWORD"]
    assert found["unmapped-listener"]["posture"]["found"] == ["tcp 0.0.0.0:9229"]
    program = found["root-user"]["process"]["exe"]
    assert found["root-user"]["posture"]["found"] == [program]
    assert "/python3" in program
    assert not any(event["evidence"].get("missing") for event in told(on_ecs) + told(on_eks))

    assert SECRET not in json.dumps(ingest.events())
    assert SECRET not in "".join(container.logs() for container in (lab.ingest, *(task.sensor for task in tasks)))
    for path in ("/var/lib/fargate-sensor", "/tmp"):
        search = docker("exec", lab.ingest.id, "sh", "-c", f"grep -rlF {SECRET} {path} || echo nowhere")
        assert search == "nowhere"
