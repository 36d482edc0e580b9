"""The doctor's look at the task metadata endpoint."""

import json
import socket

from sensor.containers.platform import METADATA_URI
from sensor.doctor import ecs
from sensor.model.protocols import Status
from tests.local_http import QuietHandler, serving

ARN = "arn:aws:ecs:eu-central-1:123456789012:task/production/34dc0b5e626f2c5c4c5170e34b10e765"
ANSWER = {
    "TaskARN": ARN,
    "Family": "shop",
    "Revision": "7",
    "AvailabilityZone": "eu-central-1b",
    "LaunchType": "FARGATE",
    "Limits": {"CPU": 0.25},
    "Containers": [{"DockerId": "b", "Name": "app"}, {"DockerId": "a"}],
}


class Endpoint(QuietHandler):
    def do_GET(self) -> None:  # noqa: N802 - the name that the base class looks for
        self.answer(200 if self.path == "/v4/x/task" else 404, json.dumps(ANSWER))


def test_outside_of_ecs_there_is_nothing_to_ask() -> None:
    assert ecs.check({}, ["a"]) is None


def test_the_task_and_its_containers_are_told() -> None:
    with serving(Endpoint) as url:
        found = ecs.check({METADATA_URI: f"{url}/v4/x"}, ["a", "pause"])
    assert found is not None
    assert found.capability.status is Status.OK
    assert found.capability.reason == (f"{ARN} (shop:7; ecs-fargate, eu-central-1b, 0.25 vCPU); containers a, app")


def test_ids_that_are_never_seen_are_told() -> None:
    with serving(Endpoint) as url:
        found = ecs.check({METADATA_URI: f"{url}/v4/x"}, ["0::31"])
    assert found is not None
    assert found.capability.status is Status.DEGRADED
    assert "such as 0::31" in (found.capability.reason or "")


def test_an_endpoint_that_does_not_answer_is_told() -> None:
    with serving(Endpoint) as url:
        assert "404" in str(ecs.check({METADATA_URI: f"{url}/wrong"}, []))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = ecs.check({METADATA_URI: f"http://127.0.0.1:{port}/v4/x"}, [])
    assert found is not None
    assert found.capability.status is Status.UNAVAILABLE
