"""How the sensor proves who it is, by what is set and what is at hand."""

from pathlib import Path

import pytest

from sensor.config import ingest_identity
from sensor.config.ingest_identity import ECS_CREDENTIALS
from sensor.config.validate import check

URL = {"SENSOR_INGEST_URL": "https://ingest.example.org"}
TOKEN = {"SENSOR_INGEST_TOKEN": "hush-hush"}
ROLE = {ECS_CREDENTIALS: "/v2/credentials/x", "AWS_REGION": "eu-central-1"}


@pytest.fixture
def projected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account's token where one is expected."""
    file = tmp_path / "token"
    file.write_text("x.y.z")
    monkeypatch.setattr(ingest_identity, "USUAL_FILE", str(file))
    return file


@pytest.mark.parametrize(
    ("environ", "identity"),
    [
        (TOKEN, "token"),
        (ROLE, "aws"),
        (ROLE | TOKEN, "token"),
        (ROLE | {"SENSOR_INGEST_TOKEN_FILE": "/proc/version"}, "token"),
        (ROLE | TOKEN | {"SENSOR_INGEST_IDENTITY": "aws"}, "aws"),
        (ROLE | {"SENSOR_INGEST_IDENTITY": "auto"}, "aws"),
    ],
)
def test_a_token_that_is_set_is_used_else_the_tasks_role(environ: dict[str, str], identity: str) -> None:
    checked = check(URL | environ)
    assert checked.problems == checked.warnings == ()
    assert checked.settings.ingest_identity == identity


@pytest.mark.parametrize(("environ", "identity"), [({}, "kubernetes"), (ROLE, "aws"), (TOKEN, "token")])
def test_a_projected_token_comes_after_the_role(projected: Path, environ: dict[str, str], identity: str) -> None:
    checked = check(URL | environ)
    assert checked.problems == ()
    assert (checked.settings.ingest_identity, checked.settings.ingest_identity_file) == (identity, str(projected))


def test_a_projected_token_may_be_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere"
    file.write_text("x.y.z")
    checked = check(URL | {"SENSOR_INGEST_IDENTITY_FILE": str(file)})
    assert (checked.problems, checked.settings.ingest_identity) == ((), "kubernetes")
    later = check(URL | {"SENSOR_INGEST_IDENTITY_FILE": str(tmp_path / "none")})
    assert (later.problems, later.settings.ingest_identity) == ((), "kubernetes")
    why = "cannot be read: No such file or directory; events wait until there is a token"
    assert later.warnings == (f"SENSOR_INGEST_IDENTITY_FILE: '{tmp_path}/none' {why}",)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "SENSOR_INGEST_TOKEN: missing; ingest_http needs it, or SENSOR_INGEST_TOKEN_FILE, or a role for the task"),
        (
            ROLE | {"SENSOR_INGEST_IDENTITY": "kubernetes"},
            "SENSOR_INGEST_IDENTITY_FILE: missing, and there is no /var/run/secrets/fargate-sensor/token",
        ),
        (
            {"SENSOR_INGEST_IDENTITY": "aws"},
            "SENSOR_AWS_REGION: missing, and AWS_REGION is not set; ingest_identity aws need it",
        ),
        ({"SENSOR_INGEST_IDENTITY": "token"} | ROLE, "SENSOR_INGEST_TOKEN: missing"),
        ({"SENSOR_INGEST_IDENTITY": "magic"} | TOKEN, "SENSOR_INGEST_IDENTITY: should be 'auto', 'aws', 'kubernetes'"),
    ],
)
def test_what_is_missing_is_told_in_one_line(environ: dict[str, str], problem: str) -> None:
    (line,) = check(URL | environ).problems
    assert line.startswith(problem)


def test_a_login_without_tls_across_a_network_is_a_warning() -> None:
    (line,) = check({"SENSOR_INGEST_URL": "http://ingest.example.org"} | ROLE).warnings
    assert line.startswith("SENSOR_INGEST_URL: sends the token unencrypted")


def test_where_nothing_goes_to_an_ingest_nothing_is_needed() -> None:
    assert check({"SENSOR_DESTINATIONS": "stdout", "SENSOR_INGEST_IDENTITY": "aws"}).problems == ()
