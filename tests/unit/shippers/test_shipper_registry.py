"""Shippers by name, and what their modules cost when nobody asks for them."""

import subprocess
import sys
import typing
from dataclasses import replace

import pytest
from fakes import FakeClock

from sensor.config.settings import Destination, Settings
from sensor.model.errors import WrongConfiguration
from sensor.model.protocols import Encoding
from shippers import registry

ENOUGH = Settings(
    ingest_url="http://127.0.0.1:1",
    ingest_token="t",
    aws_region="eu-central-1",
    kinesis_stream="events",
    firehose_stream="events",
    sqs_queue_url="https://sqs.eu-central-1.amazonaws.com/123456789012/events",
    s3_bucket="events",
)
AWS = ("kinesis", "firehose", "sqs", "s3")


@pytest.mark.parametrize("name", sorted(registry.FACTORIES))
def test_every_name_makes_the_shipper_of_that_name(name: str) -> None:
    shipper = registry.make(name, ENOUGH, FakeClock())
    assert shipper.name == name


def test_every_destination_that_can_be_configured_can_be_made() -> None:
    assert set(typing.get_args(Destination)) == set(registry.FACTORIES)


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("pigeon", ENOUGH, "destinations: 'pigeon' is none of ingest_http, stdout, kinesis, firehose, sqs, s3"),
        ("ingest_http", Settings(), "ingest_url: missing, and ingest_http needs it"),
        ("kinesis", replace(ENOUGH, kinesis_stream=None), "kinesis_stream: missing, and kinesis needs it"),
        ("firehose", replace(ENOUGH, firehose_stream=None), "firehose_stream: missing, and firehose needs it"),
        ("sqs", replace(ENOUGH, sqs_queue_url=None), "sqs_queue_url: missing, and sqs needs it"),
        ("s3", replace(ENOUGH, s3_bucket=None), "s3_bucket: missing, and s3 needs it"),
        (
            "ingest_http",
            replace(ENOUGH, ingest_identity="aws", aws_region=None),
            "aws_region: missing, and ingest_identity aws needs it",
        ),
        (
            "ingest_http",
            replace(ENOUGH, ingest_identity="kubernetes"),
            "ingest_identity_file: missing, and ingest_identity kubernetes needs it",
        ),
        *((name, replace(ENOUGH, aws_region=None), f"aws_region: missing, and {name} needs it") for name in AWS),
    ],
)
def test_what_is_wrong_names_its_setting(name: str, settings: Settings, problem: str) -> None:
    with pytest.raises(WrongConfiguration) as wrong:
        registry.make(name, settings, FakeClock())
    assert wrong.value.problems == (problem,)


@pytest.mark.parametrize("name", ["stdout", *AWS])
def test_the_form_of_events_follows_the_settings(name: str) -> None:
    ocsf = replace(ENOUGH, stdout_format="ocsf", aws_format="ocsf")
    assert registry.make(name, ENOUGH, FakeClock()).encoding is Encoding.JSON
    assert registry.make(name, ocsf, FakeClock()).encoding is Encoding.OCSF


def test_lines_on_stdout_are_as_long_as_the_settings_say() -> None:
    assert registry.make("stdout", ENOUGH, FakeClock()).limits.record_bytes == 16 * 1024 - 1
    longer = replace(ENOUGH, stdout_line_bytes=262_118)
    assert registry.make("stdout", longer, FakeClock()).limits.record_bytes == 262_117


def test_objects_roll_by_events_and_age() -> None:
    assert registry.make("s3", replace(ENOUGH, s3_age=90.0), FakeClock()).limits.roll == (2_500, 90.0)


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds afterwards."""
    program = f"import sys; {statement}; print(*sys.modules, sep='\\n')"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


def test_a_shipper_that_is_not_used_costs_nothing() -> None:
    assert loaded_by("import shippers.registry").isdisjoint(
        {"httpx", "shippers.ingest_http", "shippers.stdout", "shippers.aws_client", "sensor.ocsf.mapper"}
    )
    assert "httpx" not in loaded_by("import shippers.stdout, sensor.pipeline.delivery, sensor.pipeline.queue")


@pytest.mark.parametrize(
    "credentials",
    [
        "ingest_token='t'",
        "ingest_identity='aws', aws_region='eu-central-1'",
        "ingest_identity='kubernetes', ingest_identity_file='/token'",
    ],
)
def test_the_ingest_costs_nothing_until_something_is_sent(credentials: str) -> None:
    made = (
        "import asyncio; from sensor.config.settings import Settings; from sensor.model.clock import SystemClock;"
        "from shippers.registry import make;"
        f"late = make('ingest_http', Settings(ingest_url='http://127.0.0.1:1', {credentials}), SystemClock())"
    )
    assert loaded_by(made).isdisjoint({"httpx", "h11", "shippers.ingest_http"})
    assert "httpx" in loaded_by(f"{made}; asyncio.run(late.open())")


def test_the_aws_shippers_need_no_sdk_and_only_ocsf_loads_the_mapper() -> None:
    loaded = loaded_by(
        "import shippers.kinesis, shippers.firehose, shippers.sqs, shippers.s3, sensor.pipeline.delivery"
    )
    assert loaded.isdisjoint({"boto3", "botocore", "xml.etree.ElementTree", "sensor.ocsf.mapper", "pydantic"})


def test_the_http_shipper_brings_no_command_line_along() -> None:
    heavy = {"click", "rich", "pygments", "pydantic", "trio", "h2", "logging.config"}
    assert loaded_by("import shippers.ingest_http, httpcore").isdisjoint(heavy)


def test_httpcore_is_loaded_for_a_proxy_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made = "from shippers.http_client import http_client, httpx; http_client(ca_file=None, timeout=httpx.Timeout(1))"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert loaded_by(made).isdisjoint({"anyio", "httpcore"})
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    assert "httpcore" in loaded_by(made)
