"""Shippers by name, and what their modules cost when nobody asks for them."""

import subprocess
import sys
from typing import NamedTuple

import pytest
from fakes import FakeClock

from sensor.model.errors import WrongConfiguration
from shippers import registry


class Given(NamedTuple):
    ingest_url: str | None = None
    ingest_token: str | None = None
    ingest_token_file: str | None = None
    ingest_ca_file: str | None = None


@pytest.mark.parametrize("name", sorted(registry.FACTORIES))
def test_every_name_makes_the_shipper_of_that_name(name: str) -> None:
    shipper = registry.make(name, Given(ingest_url="http://127.0.0.1:1", ingest_token="t"), FakeClock())
    assert shipper.name == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("carrier_pigeon", "destinations: 'carrier_pigeon' is none of ingest_http, stdout"),
        ("ingest_http", "ingest_url: missing, and ingest_http needs it"),
    ],
)
def test_what_is_wrong_names_its_setting(name: str, problem: str) -> None:
    with pytest.raises(WrongConfiguration) as wrong:
        registry.make(name, Given(), FakeClock())
    assert wrong.value.problems == (problem,)


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds afterwards."""
    program = f"import sys; {statement}; print(*sys.modules, sep='\\n')"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


def test_a_shipper_that_is_not_used_costs_nothing() -> None:
    assert loaded_by("import shippers.registry").isdisjoint({"httpx", "shippers.ingest_http", "shippers.stdout"})
    assert "httpx" not in loaded_by("import shippers.stdout, sensor.pipeline.delivery, sensor.pipeline.queue")


def test_the_http_shipper_brings_no_command_line_along() -> None:
    heavy = {"click", "rich", "pygments", "pydantic", "trio", "h2", "logging.config"}
    assert loaded_by("import shippers.ingest_http, httpcore").isdisjoint(heavy)
