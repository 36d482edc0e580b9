"""`fargate-sensor doctor` as a process: streams, exit codes, and what it says of the configuration."""

import json
import os
import re
import subprocess
import sys

import pytest

from sensor.commands.doctor import configuration
from sensor.config.settings import Settings
from sensor.config.validate import Checked
from sensor.model.protocols import Status


def doctor(*argv: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SENSOR_")}
    command = [sys.executable, "-m", "sensor.cli", "doctor", *argv]
    return subprocess.run(command, env=clean | settings, capture_output=True, text=True, timeout=60)


@pytest.mark.kernel
def test_the_table_names_every_sense_and_nothing_goes_to_standard_error() -> None:
    done = doctor()
    assert done.stderr == ""
    assert done.returncode in (0, 1)
    senses = ("process_cursor", "network_sockdiag", "network_procfs", "file_inotify", "posture", "connections")
    for name in ("kernel", "pid namespace", "capabilities", *senses):
        assert re.search(rf"^\w+ +{name}( |$)", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout


@pytest.mark.kernel
def test_a_wrong_configuration_is_unavailable_and_the_code_says_so() -> None:
    done = doctor("--json", "--bach-age=1", SENSOR_DESTINATIONS="stdout", SENSOR_HEARTBEAT="0")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["status"]) == (1, "", "unavailable")
    wrong = [check["reason"].split(":")[0] for check in found["checks"] if check["name"] == "configuration"]
    assert wrong == ["--bach-age", "SENSOR_HEARTBEAT"]


@pytest.mark.kernel
def test_an_ingest_that_does_not_answer_is_told() -> None:
    done = doctor("--json", SENSOR_INGEST_URL="http://127.0.0.1:9", SENSOR_INGEST_TOKEN="hush-hush")
    (ingest,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "ingest"]
    assert done.returncode == 1
    assert ingest["reason"].startswith("not reachable: ConnectError")
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.kernel
def test_rules_that_are_not_there_are_told() -> None:
    done = doctor("--json", "--destinations", "stdout", SENSOR_RULES="/nope")
    (rules,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "rules"]
    assert (rules["status"], done.stderr) == ("degraded", "")
    assert rules["reason"].startswith("/nope: no such file")


def test_switched_off_collectors_are_not_looked_at() -> None:
    found = json.loads(doctor("--json", "--no-files", "--no-network", "--destinations", "stdout").stdout)
    names = [check["name"] for check in found["checks"]]
    assert "process_cursor" in names
    assert not {"file_inotify", "network_sockdiag", "network_procfs", "connections"} & set(names)


def test_help_has_an_example() -> None:
    done = doctor("--help")
    assert done.returncode == 0
    assert "For example: fargate-sensor doctor --json" in done.stdout


def test_nothing_configured_is_no_fault_yet() -> None:
    (found,) = configuration(Checked(Settings(), ("SENSOR_INGEST_URL: missing",)), configured=False)
    assert found.capability.status is Status.DEGRADED


def test_each_problem_and_warning_is_a_finding_of_its_own() -> None:
    found = list(configuration(Checked(Settings(), ("a: wrong", "b: wrong"), ("c: odd",)), configured=True))
    assert [check.capability.status for check in found] == [Status.UNAVAILABLE] * 2 + [Status.DEGRADED]
    (found_none,) = configuration(Checked(Settings()), configured=True)
    assert found_none.capability.status is Status.OK
