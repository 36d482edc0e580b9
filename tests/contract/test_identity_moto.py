"""The whole login, from the sensor's shipper over a real ingest to moto's STS, which checks the signature by itself."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import ingest_process
import pytest
from aws_server import ACCOUNT, REGION, AwsServer, aws_server
from ingest_samples import READ_TOKEN, READING, event, header
from logins import TASK

from sensor.config.settings import Settings
from sensor.model.clock import SystemClock
from sensor.model.counters import Counters
from sensor.model.errors import RetryableError
from sensor.model.protocols import Shipper
from sensor.pipeline.batch import seal
from sensor.pipeline.encode import Encoder
from shippers import registry


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_server() as server:
        yield server


def session_of(aws: AwsServer, name: str) -> dict[str, str]:
    """Credentials of the task's role, for a session of that name, as ECS gets them; everything after it is checked."""
    aws.check_after(1)
    found = aws.client("sts").assume_role(RoleArn=aws.role_arn, RoleSessionName=name)["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def shipper(url: str, keys: dict[str, str]) -> Shipper:
    settings = Settings(ingest_url=url, ingest_identity="aws", aws_region=REGION, **keys)
    return registry.make("ingest_http", settings, SystemClock())


def batch() -> bytes:
    said = header(TASK, sensor=TASK)
    encoded = Encoder(Counters()).encode(event(1))
    assert encoded is not None
    return seal(said, [encoded]).data


def logins(aws: AwsServer, **more: str) -> dict[str, str]:
    return {
        "INGEST_READ_TOKEN": READ_TOKEN,
        "INGEST_HOSTS": "127.0.0.1",
        "INGEST_AWS_ACCOUNTS": ACCOUNT,
        "INGEST_AWS_ROLES": "task",
        "INGEST_AWS_STS_FOR_TESTS": aws.url,
    } | more


async def test_a_task_logs_in_with_its_role_and_delivers(aws: AwsServer, tmp_path: Path) -> None:
    with ingest_process.running(tmp_path, **logins(aws)) as ingest:
        sending = shipper(ingest.url, session_of(aws, TASK))
        await sending.open()
        assert not await sending.send([batch()])
        await sending.aclose()
        async with httpx.AsyncClient(trust_env=False) as client:
            (task,) = (await client.get(f"{ingest.url}/v1/tasks", headers=READING)).json()["tasks"]
    assert (task["id"], task["identity"]) == (TASK, "verified")
    assert task["sensors"][0]["principal"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/task/{TASK}"


async def test_a_wrong_secret_is_one_clear_line(aws: AwsServer, tmp_path: Path) -> None:
    keys = session_of(aws, TASK) | {"aws_secret_access_key": "wrong"}
    with ingest_process.running(tmp_path, **logins(aws)) as ingest:
        sending = shipper(ingest.url, keys)
        await sending.open()
        with pytest.raises(RetryableError, match="login answered 401: aws: STS answered 403: SignatureDoesNotMatch"):
            await sending.send([batch()])
        await sending.aclose()
