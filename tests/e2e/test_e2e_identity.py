"""A task that has a role and no token: it logs in through a stand-in for STS, and delivers for itself alone."""

import json
from pathlib import Path

from docker_cli import BASE, Container, wait_for
from fargate_task import FargateTask
from ingest_container import IngestContainer
from lab import Lab

STAND_IN = Path(__file__).parents[1] / "fake_sts.py"
HOST, STS_PORT, METADATA_PORT = "ingest-with-logins", 9000, 8000
ACCOUNT, TASK_ID = "123456789012", "55091c13b8cf4801b527f4601742204d"
TASK_ARN = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task/shop/{TASK_ID}"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/web/{TASK_ID}"
SECRET, TOKEN = "a-secret-in-e2e", "a-session-token-in-e2e"
SESSION = ["ASIAEXAMPLEEXAMPLE00", SECRET, TOKEN, SESSION_ARN]

METADATA = f"""
import http.server, json
class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({{"TaskARN": {TASK_ARN!r}, "Family": "web", "LaunchType": "FARGATE"}}).encode())
http.server.HTTPServer(("", {METADATA_PORT}), Endpoint).serve_forever()
"""
APP = "import subprocess\nwhile True: subprocess.run(['sleep', '0.5'])"


def stand_in(lab: Lab, role: str, beside: Container) -> Container:
    """STS, and what hands out credentials, on the loopback of another container."""
    command = ["python3", "-u", "-c", STAND_IN.read_text(), str(STS_PORT), *SESSION]
    return lab.new(role, BASE, [f"--network=container:{beside.id}"], command).start()


def ingest_for(lab: Lab, account: str) -> IngestContainer:
    """An ingest that tasks of an account may log in to."""
    sts = f"http://127.0.0.1:{STS_PORT}"
    logins = {"INGEST_HOSTS": HOST, "INGEST_AWS_ACCOUNTS": account, "INGEST_AWS_STS_FOR_TESTS": sts}
    ingest = IngestContainer(lab.images.ingest, lab.network, logins)
    lab.containers.append(ingest)
    ingest.start().wait_ready()
    stand_in(lab, "sts", ingest)
    return ingest


def task_with_a_role(lab: Lab) -> FargateTask:
    """A task whose credentials and metadata come from stand-ins, and whose sensor has no token."""
    metadata = lab.new("metadata", BASE, [f"--network={lab.network}"], ["python3", "-c", METADATA]).start()
    task = lab.task(
        {
            "SENSOR_INGEST_URL": f"http://{HOST}:8080",
            "SENSOR_INGEST_TOKEN": "",
            "SENSOR_INGEST_IDENTITY": "aws",
            "AWS_REGION": "eu-central-1",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{STS_PORT}/credentials",
            "ECS_CONTAINER_METADATA_URI_V4": f"http://{metadata.name}:{METADATA_PORT}/v4/{TASK_ID}-1234567890",
            "SENSOR_FOLD": "off",
        }
    )
    stand_in(lab, "credentials", task.pause)
    task.app(APP)
    return task


def test_a_task_logs_in_with_its_role_and_its_events_are_verified(lab: Lab) -> None:
    task = task_with_a_role(lab)
    ingest = ingest_for(lab, ACCOUNT)

    told = ingest.wait_for("process.exec", lambda event: "task" in event and "arn" in event["task"], deadline=60)

    assert (told["task_id"], told["task"]["arn"]) == (TASK_ID, TASK_ARN)
    assert told["sensor"]["identity"] == "verified"
    assert told["sensor"]["principal"] == SESSION_ARN
    (listed,) = ingest.get("/v1/tasks").json()["tasks"]
    assert (listed["id"], listed["identity"]) == (TASK_ID, "verified")
    everything = task.sensor.logs() + ingest.logs() + json.dumps(ingest.events())
    assert [secret for secret in (SECRET, TOKEN) if secret in everything] == []


def test_a_task_of_another_account_is_not_let_in_and_says_why(lab: Lab) -> None:
    ingest = ingest_for(lab, "999999999999")
    task = task_with_a_role(lab)

    reason = f"login answered 403: aws: account {ACCOUNT} is none of INGEST_AWS_ACCOUNTS"
    # One that was there before the stand-ins were has said that, and says what goes on failing once a minute.
    task.sensor.kill("KILL")
    task.sensor.wait_stopped()
    task.sensor.start()
    wait_for("the sensor says why it is not let in", lambda: reason in task.sensor.logs(), deadline=150)

    assert task.sensor.running()
    assert ingest.events() == []
