"""What the specification says is what the sensor understands."""

import pytest

from deploy.sidecar import destinations
from deploy.sidecar.destinations import NoDestination, ingest, parse
from deploy.sidecar.ecs import container
from deploy.sidecar.specification import Sidecar, stop_deadline_s
from sensor.commands import health
from sensor.config.settings import SETTINGS, variable
from sensor.config.validate import check
from shippers import firehose, kinesis, s3, sqs

EVERY = (ingest("https://ingest.example.org"), *map(parse, ("kinesis:s", "firehose:s", "s3:bucket/prefix", "stdout")))
QUEUE = parse("sqs:https://sqs.eu-central-1.amazonaws.com/123456789012/events")


@pytest.mark.parametrize("one", [*EVERY, QUEUE], ids=lambda one: one.name)
def test_every_destination_configures_a_sensor(one: destinations.Destination) -> None:
    rendered = container(Sidecar("image", destinations.environment([one])))
    environ = {entry["name"]: entry["value"] for entry in rendered["environment"]} | {"AWS_REGION": "eu-central-1"}
    checked = check(environ | {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"})
    assert checked.problems == ()
    assert checked.settings.destinations == (one.name,)
    assert destinations.named(environ) == (one.name,)


def test_the_variables_are_settings() -> None:
    assert {variable(setting.name) for setting in SETTINGS} >= destinations.VARIABLES


def test_the_permissions_are_those_that_the_shippers_need() -> None:
    needed = {aim.service: aim.permission.split()[0] for aim in (kinesis.AIM, firehose.AIM, sqs.AIM, s3.AIM)}
    assert needed == destinations.PERMISSIONS


def test_the_sensor_is_done_before_it_is_killed() -> None:
    deadline = next(setting.default for setting in SETTINGS if setting.name == "stop_deadline")
    assert deadline == stop_deadline_s({})
    assert deadline < Sidecar("image").stop_timeout_s


@pytest.mark.parametrize(
    ("deadline", "timeout"),
    [
        ("1", 30),
        ("25", 30),
        ("25.5", 31),
        ("60", 65),
        ("110", 115),
        ("999", 115),
        ("${Stop}", 30),
        ("", 30),
        ("nan", 30),
    ],
)
def test_a_longer_stop_has_a_longer_timeout_which_ecs_takes(deadline: str, timeout: int) -> None:
    assert container(Sidecar("image", {"SENSOR_STOP_DEADLINE": deadline}))["stopTimeout"] == timeout


def test_a_sign_of_life_is_younger_than_its_checks_allow() -> None:
    probe = Sidecar("image").health_check
    assert probe.command == ("fargate-sensor", "health")
    assert probe.interval_s * probe.retries > health.STALE


@pytest.mark.parametrize(
    "text", ["", "kinesis:", "kinesis:a b", "sqs", "s3:", "stdout:x", "a,b", "kinesis:a,b", "s3:\n"]
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(NoDestination):
        parse(text)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://",
        "https://u:p@h",
        "https://h?q",
        "https://h#f",
        "http://h:0",
        "http://h:x",
        "http://[",
        "http://h /",
    ],
)
def test_what_is_no_ingest_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(NoDestination) as caught:
        ingest(url)
    assert "u:p" not in str(caught.value)
