"""compose.yaml keeps what makes the sensor a sidecar, and nothing of it is open to the network."""

from pathlib import Path

import yaml

COMPOSE = yaml.safe_load((Path(__file__).parents[3] / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_the_sensor_shares_the_namespaces_of_the_app_and_cannot_write_to_its_root():
    sensor = SERVICES["sensor"]

    assert sensor["pid"] == sensor["network_mode"] == "service:app"
    assert sensor["cap_add"] == ["SYS_PTRACE"]
    assert sensor["read_only"] is True


def test_sensor_and_ingest_agree_on_the_write_token():
    assert (
        SERVICES["sensor"]["environment"]["SENSOR_INGEST_TOKEN"]
        == SERVICES["ingest"]["environment"]["INGEST_WRITE_TOKEN"]
    )


def test_every_published_port_is_bound_to_loopback():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
