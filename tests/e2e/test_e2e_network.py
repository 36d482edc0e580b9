"""Connections beside what the app itself says of them: who, how much, and how it ended."""

import json
import socket

import pytest
from docker_cli import wait_for
from lab import temporary_network
from network_ledger import UNFOLDED, Traffic, read, score
from network_peer import ANSWER, CLOSED, SINK, SWALLOW

EACH = pytest.mark.parametrize(("ptrace", "user"), [(True, "0"), (False, "1000")], ids=["ecs", "eks"])
SERVER_PORT = 8080
OWNED = 0.8
"""The share of connections whose process is told, at least, on a machine that does other things too; bench/network.py
holds the bar."""
NO_NETLINK = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {
            "names": ["socket"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "value": int(socket.AF_NETLINK), "op": "SCMP_CMP_EQ"}],
        }
    ],
}
"""A seccomp profile of docker's."""


@pytest.fixture(scope="module")
def network(engine):
    """A network with IPv6."""
    with temporary_network(ipv6=True) as name:
        yield name


def watching(lab, ptrace):
    """A task whose sensor tells each connection by itself."""
    task = lab.task(UNFOLDED, ptrace=ptrace)
    task.wait_healthy()
    return task


@EACH
@pytest.mark.parametrize(("case", "count"), [("short", 200), ("netcat", 50)])
def test_short_connections_and_short_processes_are_flows_with_bytes_and_process(
    lab, ingest, traffic, peer, ptrace, user, case, count
):
    task, address = watching(lab, ptrace), peer.address(lab.network)

    app = Traffic(lab, task, traffic, case, user=user, host=address, port=ANSWER, count=count)
    found = score(app.ledger(), app.told("network.flow", "network.connect"))

    assert (found.total, found.told, found.sized + found.one_off) == (count, count, count)
    assert found.wrong_by["descriptor"] == 0
    assert found.owned >= OWNED * found.total


@EACH
def test_a_process_with_a_thousand_descriptors_and_connections_of_50_ms(lab, ingest, traffic, peer, ptrace, user):
    task, address = watching(lab, ptrace), peer.address(lab.network)

    app = Traffic(
        lab, task, traffic, "held", user=user, host=address, port=ANSWER, count=100, hold=0.05, descriptors=1000
    )
    found = score(app.ledger(), app.told("network.flow", "network.connect"))

    assert (found.told, found.sized + found.one_off, found.wrong_by["descriptor"]) == (100, 100, 0)
    assert found.owned >= OWNED * found.total


@EACH
def test_a_server_with_a_thousand_descriptors_and_clients_of_50_ms(lab, ingest, traffic, ptrace, user):
    task = watching(lab, ptrace)
    server = Traffic(lab, task, traffic, "serve", user=user, port=SERVER_PORT, count=100, descriptors=1000)
    wait_for("the server listens", lambda: "listening" in server.app.logs())

    host = task.pause.address(lab.network)
    client = Traffic(lab, lab.network, traffic, "held", host=host, port=SERVER_PORT, count=100, hold=0.05)
    client.app.wait_stopped()
    read(client.app)
    found = score(server.ledger(), server.told("network.flow", "network.connect"))

    assert (found.told, found.sized + found.one_off, found.wrong_by["descriptor"]) == (100, 100, 0)
    assert found.owned >= OWNED * found.total


@EACH
def test_what_was_refused_timed_out_or_reset_says_so_by_ipv4_and_ipv6(lab, ingest, traffic, peer, ptrace, user):
    task = watching(lab, ptrace)
    hosts = [peer.address(lab.network), peer.address6(lab.network)]

    apps = [
        Traffic(lab, task, traffic, "refused", user=user, hosts=hosts, ports=[*CLOSED[:20]]),
        Traffic(lab, task, traffic, "timed_out", user=user, hosts=hosts, ports=[*SWALLOW[:5]]),
        Traffic(lab, task, traffic, "reset", user=user, hosts=hosts, port=ANSWER, count=20),
    ]

    for app, happened, count in zip(apps, ("refused", "timed_out", "reset"), (40, 10, 40), strict=True):
        found = score(app.ledger(), app.told("network.flow", "network.connect"))
        assert dict(found.outcomes) == {(happened, happened): count}


def test_a_sensor_that_is_denied_netlink_sees_open_connections_in_proc_net(lab, ingest, traffic, peer, tmp_path):
    profile = tmp_path / "no-netlink.json"
    profile.write_text(json.dumps(NO_NETLINK))
    task = lab.task(UNFOLDED, sensor_options=[f"--security-opt=seccomp={profile}"])
    task.wait_healthy()

    app = Traffic(lab, task, traffic, "held", host=peer.address(lab.network), port=ANSWER, count=8, hold=4)
    ledger = app.ledger()
    found = score(ledger, events := app.told("network.flow", "network.connect"))

    assert found.told >= 4, "what is shorter than two looks may go by, and looks are rare on a busy machine"
    assert (found.owned, found.wrong_by.total()) == (found.told, 0)
    sources = {event["evidence"]["source"] for event in events if event["kind"] == "network.flow"}
    assert sources == {"proc_net"}
    doctor = task.sensor.execute("fargate-sensor", "doctor", "--json").stdout
    said = {check["name"]: check["reason"] for check in json.loads(doctor)["checks"]}
    assert said["connections"] == "seen by network_taps and network_procfs"


@EACH
def test_udp_sockets_are_all_told_and_the_peer_where_connected(lab, ingest, traffic, peer, ptrace, user):
    task, address = watching(lab, ptrace), peer.address(lab.network)

    app = Traffic(lab, task, traffic, "udp", user=user, host=address, port=SINK, count=200)
    ledger = app.ledger()
    events = app.told("network.flow")
    found = score([entry for entry in ledger if entry["dst"]], events)

    assert (len(ledger), found.total, found.told) == (200, 100, 100)
    alone = [e for e in events if e["network"]["transport"] == "udp" and "dst" not in e["network"]]
    assert sum(event["count"] for event in alone) >= 100
