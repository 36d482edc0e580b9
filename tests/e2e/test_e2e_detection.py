"""The rules that ship against what they are for: done in an app's container, found by the task's sensor."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from detection_cases import RULES, Live, live_cases
from docker_cli import BASE, docker, wait_for
from ingest_container import IngestContainer
from lab import Lab, temporary_network
from short_processes import ran

from sensor.sigma.compiler import compile_paths

EXEC_SESSION = "9b60808d-713d-528d-bbae-25992809a0f4"
"""The rule for what comes from outside, which no line of a shell in the container can play."""

PEER = "198.51.100.9"
"""An address for documentation (RFC 5737), public as far as the sensor knows, in a network that the test makes."""

ENDPOINTS = ("169.254.170.2", "169.254.169.254")
"""What hands out credentials on ECS and EC2: containers of a network of the test, which leads nowhere."""

LISTENER = """
import socket, time
listening = [socket.create_server(("", port)) for port in (80, 443, 4444, 14444)]
time.sleep(3600)
"""
PAUSE_S = 0.5
"""Between two lines of attacks: what the first made is watched before the next one uses it."""
SHORT_PAUSE_S = 0.1
"""Between two lines of near misses, which build on nothing."""
LAST = "0.987"

PLAYER = f"""
import json, subprocess, sys, time
time.sleep(5)
for line in json.load(open("/play/lines.json")):
    subprocess.run(["sh"], input=line, text=True, timeout=30)
    time.sleep(float(sys.argv[1]))
time.sleep(5)
subprocess.run(["sleep", "{LAST}"])
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def network(engine) -> Iterator[str]:
    """Nothing that is connected to or asked leaves it: far ends and the DNS server are one of its own containers."""
    with temporary_network(subnet="198.51.100.0/24") as name:
        yield name


@pytest.fixture(scope="module")
def link_local(engine) -> Iterator[str]:
    """A network with the endpoints' addresses."""
    with temporary_network(subnet="169.254.160.0/19", apart=True) as name:
        yield name


def rules_that_fired(
    lab: Lab, ingest: IngestContainer, cases: list[Live], folder: Path, link_local: str, *, pause: float, terminal: bool
) -> set[str]:
    """The ids of the rules that were told of while the lines of these cases ran, one after the other, and somebody
    entered the container, with a `terminal` or without.

    The lines come in a file and are read from standard input: in arguments they would fire the rules by themselves.
    """
    (folder / "lines.json").write_text(json.dumps([case.shell for case in cases]))
    folder.chmod(0o755)
    lab.new("peer", BASE, [f"--network={lab.network}", f"--ip={PEER}"], ["python3", "-c", LISTENER]).start()
    for address in ENDPOINTS:
        lab.new("endpoint", BASE, [f"--network={link_local}", f"--ip={address}"], ["python3", "-c", LISTENER]).start()
    task = lab.task(pause_options=[f"--dns={PEER}"])
    docker("network", "connect", link_local, task.pause.id)
    task.wait_healthy()
    app = lab.new(
        "app", BASE, [*task.shared, f"--volume={folder}:/play:ro"], ["python3", "-c", PLAYER, str(pause)]
    ).start()
    docker("exec", *(["--tty"] if terminal else []), app.id, "sh", "-c", "sleep 1; true")
    ingest.wait_for("process.exec", ran("sleep", LAST), 60 + 5 * len(cases))
    return {event["detection"]["rule_id"] for event in ingest.events(kind="detection")}


@pytest.mark.timeout(420)
def test_attacks_fire_their_rules(lab, ingest, tmp_path, link_local):
    cases = [case for case in live_cases() if case.fires]

    fired = rules_that_fired(lab, ingest, cases, tmp_path, link_local, pause=PAUSE_S, terminal=True)

    assert [case.name for case in cases if case.rule not in fired] == []
    assert EXEC_SESSION in fired
    assert {case.rule for case in cases} | {EXEC_SESSION} == {rule.id for rule in compile_paths([RULES]).rules}


FIRED_BY_OTHERS = {"new_program_executed", "dropped_program"}
"""Rules that lines of other rules' near misses fire rightly: they put programs there."""


@pytest.mark.timeout(420)
def test_near_misses_do_not(lab, ingest, tmp_path, link_local):
    cases = [case for case in live_cases() if not case.fires and case.name not in FIRED_BY_OTHERS]

    fired = rules_that_fired(lab, ingest, cases, tmp_path, link_local, pause=SHORT_PAUSE_S, terminal=False)

    assert [case.name for case in cases if case.rule in fired] == []
    assert EXEC_SESSION not in fired
    assert len(cases) >= 60


def test_rules_of_users_are_followed_and_a_broken_one_is_told(lab, ingest, tmp_path):
    (tmp_path / "own.yml").write_text(OWN)
    (tmp_path / "broken.yml").write_text("a: [")
    tmp_path.chmod(0o755)
    task = lab.task(
        {"SENSOR_RULES": "/rules", "SENSOR_HEARTBEAT": "3"}, sensor_options=[f"--volume={tmp_path}:/rules:ro"]
    )
    wait_for("own rules are loaded", lambda: "/rules/broken.yml" in task.sensor.logs(), 60)

    task.app("import subprocess, time; subprocess.run(['sleep', '0.4711']); time.sleep(3600)")

    told = ingest.wait_for("detection", lambda event: event["detection"]["title"] == "our own")
    assert told["detection"]["author"] == "somebody"
    assert told["process"]["args"] == ["sleep", "0.4711"]
    (link,) = told["links"]
    assert link["relation"] == "matched"
    matched = ingest.wait_for("process.exec", lambda event: event["id"] == link["event"])
    assert matched["process"]["entity"] == told["process"]["entity"]
    beat = ingest.wait_for("sensor.heartbeat", lambda event: "detection" in event["health"]["collectors"], 60)
    assert beat["health"]["collectors"]["detection"]["status"] == "degraded"


OWN = """
title: our own
author: somebody
logsource: {product: linux, category: process_creation}
detection:
  sel: {CommandLine: 'sleep 0.4711'}
  condition: sel
level: high
"""
