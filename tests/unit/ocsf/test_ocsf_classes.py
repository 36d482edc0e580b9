"""What each class tells, on events as they are in a task."""

from typing import Any

import pytest
from fakes_pipeline import event
from ocsf_schemas import faults

from sensor.model.events import (
    Ancestor,
    CollectorHealth,
    Container,
    Detection,
    Dns,
    Event,
    File,
    Header,
    Health,
    Link,
    Loss,
    Network,
    Pod,
    Posture,
    Process,
    Sensor,
    Task,
    Timestamp,
)
from sensor.model.kinds import Kind
from sensor.ocsf.mapper import to_ocsf

ARN = "arn:aws:ecs:eu-central-1:123456789012:task/shop/0123abc"
HEADER = Header(
    Sensor("0123abc", "e1", "0.1.0", "c0ffee"),
    Task("ecs-fargate", "123456789012", "eu-central-1", "shop", ARN, "web", "7", "eu-central-1a"),
)
START = Timestamp(1_699_999_999_123_000_000)
SHELL = Process(
    "e7",
    7,
    3,
    START,
    "/bin/sh",
    args=("sh", "-c", "echo 'a b'"),
    cwd="/srv",
    uid=1000,
    gid=100,
    user="app",
    tty="pts/0",
    session="exec",
    sha256="ab" * 32,
    drift=True,
    ancestors=(Ancestor("e3", 3, "/usr/sbin/nginx"), Ancestor("e1", 1)),
)
APP = Container("c1", "app", "shop/web:3", "sha256:12")


def mapped(kind: Kind, header: Header = HEADER, **parts: Any) -> dict[str, Any]:
    """The valid OCSF form of an event in the app container."""
    ocsf = to_ocsf(Event(kind, event().time, event().evidence, seq=5, container=APP, **parts), header)
    assert faults(ocsf) == []
    return ocsf


def test_an_exec_is_a_launch_by_the_parent() -> None:
    ocsf = mapped(Kind.PROCESS_EXEC, process=SHELL)
    assert (ocsf["class_uid"], ocsf["activity_id"], ocsf["type_uid"]) == (1007, 1, 100701)
    process = ocsf["process"]
    assert (process["uid"], process["pid"], process["name"]) == ("e7", 7, "sh")
    assert process["cmd_line"] == """sh -c 'echo '"'"'a b'"'"''"""
    assert process["created_time"] == START // 1_000_000
    assert process["file"]["hashes"] == [{"algorithm_id": 3, "value": "ab" * 32}]
    assert process["user"] == {"uid": "1000", "name": "app", "groups": [{"uid": "100"}]}
    assert process["session"] == {"terminal": "pts/0"}
    assert process["parent_process"]["parent_process"] == {"uid": "e1", "pid": 1}
    assert process["container"] == ocsf["device"]["container"]
    assert ocsf["actor"] == {"process": {"uid": "e3", "pid": 3, "name": "nginx"}}
    assert ocsf["unmapped"]["process"] == {"cwd": "/srv", "session": "exec", "drift": True}


def test_a_parent_that_is_another_than_the_nearest_ancestor_is_not_overwritten() -> None:
    ocsf = mapped(Kind.PROCESS_EXEC, process=SHELL._replace(ppid=99))
    assert ocsf["process"]["parent_process"]["pid"] == 3
    assert ocsf["unmapped"]["process"]["ppid"] == 99


def test_an_exec_whose_parent_is_unknown_has_an_unknown_actor() -> None:
    ocsf = mapped(Kind.PROCESS_EXEC, process=Process("e7", 7, comm="sh"))
    assert ocsf["actor"] == {"app_name": "Unknown"}
    assert ocsf["process"]["name"] == "sh"


@pytest.mark.parametrize("code", [0, 137, -9])
def test_an_exit_tells_its_code(code: int) -> None:
    ocsf = mapped(Kind.PROCESS_EXIT, process=SHELL._replace(exit_code=code))
    assert (ocsf["activity_id"], ocsf["exit_code"]) == (2, code)
    assert ocsf["actor"]["process"]["uid"] == "e7"


def test_a_changed_user_is_set_user_id() -> None:
    ocsf = mapped(Kind.PROCESS_IDENTITY, process=SHELL._replace(uid=0, user="root"))
    assert (ocsf["type_uid"], ocsf["process"]["user"]["uid"]) == (100705, "0")


def test_identity_time_and_place_stand_in_every_event() -> None:
    ocsf = mapped(Kind.PROCESS_EXEC, process=SHELL)
    metadata = ocsf["metadata"]
    assert (metadata["uid"], metadata["sequence"], metadata["version"]) == ("0123abc/e1/ordinary/5", 5, "1.3.0")
    assert metadata["profiles"] == ["host", "cloud", "container"]
    assert ocsf["cloud"] == {
        "provider": "AWS",
        "account": {"uid": "123456789012", "type_id": 10},
        "region": "eu-central-1",
        "zone": "eu-central-1a",
    }
    device = ocsf["device"]
    assert (device["uid"], device["instance_uid"], device["name"]) == (ARN, "0123abc", "web")
    assert device["container"]["image"] == {"uid": "sha256:12", "name": "shop/web:3"}
    assert ocsf["unmapped"]["sensor"] == {"epoch": "e1", "config": "c0ffee"}


def test_a_pod_is_a_device_without_a_cloud_that_nobody_named() -> None:
    pod = Pod("shop", "web-1", "9f6c0c2e-1111-2222-3333-444455556666", service_account="web")
    ocsf = mapped(Kind.PROCESS_EXEC, Header(HEADER.sensor, pod=pod), process=SHELL)
    assert (ocsf["device"]["uid"], ocsf["device"]["name"]) == (pod.uid, "web-1")
    assert "cloud" not in ocsf
    assert ocsf["unmapped"]["pod"] == {"service_account": "web"}


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Kind.FILE_CREATE, 1),
        (Kind.FILE_MODIFY, 3),
        (Kind.FILE_DELETE, 4),
        (Kind.FILE_ATTRIBUTES, 6),
        (Kind.FILE_OPEN, 14),
    ],
)
def test_files(kind: Kind, number: int) -> None:
    ocsf = mapped(kind, file=File("/etc/passwd", size=10, mode=0o100644, uid=0))
    assert ocsf["type_uid"] == 100100 + number
    assert ocsf["file"] == {"name": "passwd", "type_id": 1, "path": "/etc/passwd", "size": 10, "owner": {"uid": "0"}}
    assert ocsf["actor"] == {"app_name": "Unknown"}
    assert ocsf["unmapped"]["file"] == {"mode": 0o100644}


def test_a_rename_tells_both_names() -> None:
    ocsf = mapped(Kind.FILE_RENAME, file=File("/a/new", "/a/old", mode=0o040755), process=SHELL)
    assert (ocsf["file"]["path"], ocsf["file_result"]["path"], ocsf["file"]["type_id"]) == ("/a/old", "/a/new", 2)
    assert ocsf["actor"]["process"]["uid"] == "e7"


OUT = Network("outbound", "tcp", "10.0.0.5", 40000, "192.0.2.1", 443, "example.org", "established", 10, 20, 1.6, 900)


def test_an_outbound_connection() -> None:
    ocsf = mapped(Kind.NETWORK_CONNECT, network=OUT, process=SHELL)
    assert ocsf["type_uid"] == 400101
    assert ocsf["src_endpoint"] == {"ip": "10.0.0.5", "port": 40000}
    assert ocsf["dst_endpoint"] == {"ip": "192.0.2.1", "port": 443, "hostname": "example.org"}
    assert ocsf["traffic"] == {"bytes_in": 10, "bytes_out": 20}
    assert ocsf["connection_info"] == {
        "protocol_ver_id": 4,
        "direction_id": 2,
        "protocol_name": "tcp",
        "protocol_num": 6,
    }
    assert (ocsf["status_id"], ocsf["status_code"], ocsf["duration"]) == (1, "established", 2)
    assert ocsf["actor"]["process"]["uid"] == "e7"
    assert ocsf["unmapped"]["network"] == {"rtt_us": 900}


def test_an_inbound_connection_is_turned_round() -> None:
    ocsf = mapped(Kind.NETWORK_FLOW, network=OUT._replace(direction="inbound"))
    assert ocsf["type_uid"] == 400102
    assert ocsf["src_endpoint"]["ip"] == "192.0.2.1"
    assert ocsf["dst_endpoint"]["ip"] == "10.0.0.5"
    assert ocsf["traffic"] == {"bytes_in": 20, "bytes_out": 10}


@pytest.mark.parametrize(("outcome", "activity"), [("refused", 5), ("timed_out", 4), ("reset", 3)])
def test_a_failed_connection(outcome: str, activity: int) -> None:
    ocsf = mapped(Kind.NETWORK_FLOW, network=OUT._replace(outcome=outcome))
    assert (ocsf["activity_id"], ocsf["status_id"]) == (activity, 2)


def test_a_listener_is_the_destination() -> None:
    ocsf = mapped(Kind.NETWORK_LISTEN, network=Network("listen", "tcp", "::", 80))
    assert (ocsf["type_uid"], ocsf["dst_endpoint"]) == (400107, {"ip": "::", "port": 80})
    assert ocsf["connection_info"]["protocol_ver_id"] == 6


def test_an_end_without_an_address_is_called_unknown() -> None:
    ocsf = mapped(Kind.NETWORK_FLOW, network=Network("outbound", "udp", "10.0.0.5", 5, dst_port=53))
    assert ocsf["dst_endpoint"] == {"name": "Unknown", "port": 53}


@pytest.mark.parametrize(("far", "version"), [("2001:db8::1", 6), ("192.0.2.1", 4), (None, 0)])
def test_where_the_own_end_is_not_known_the_far_one_tells_the_version(far: str | None, version: int) -> None:
    ocsf = mapped(Kind.NETWORK_FLOW, network=Network("outbound", "tcp", dst=far))
    assert ocsf["connection_info"]["protocol_ver_id"] == version


def test_a_dns_exchange() -> None:
    dns = Dns("example.org.", "A", "NXDOMAIN", ("A 192.0.2.1", "odd"), "10.0.0.2")
    ocsf = mapped(Kind.DNS_QUERY, dns=dns)
    assert (ocsf["type_uid"], ocsf["query"]) == (400306, {"hostname": "example.org", "type": "A"})
    assert ocsf["answers"] == [{"type": "A", "rdata": "192.0.2.1"}, {"rdata": "odd"}]
    assert (ocsf["rcode"], ocsf["rcode_id"]) == ("NXDOMAIN", 3)
    assert ocsf["dst_endpoint"] == {"ip": "10.0.0.2"}


def test_an_answer_without_a_code_is_an_answer() -> None:
    assert mapped(Kind.DNS_QUERY, dns=Dns("example.org", "A", answers=("A 192.0.2.1",)))["type_uid"] == 400306


def test_a_question_that_is_no_host_name_for_the_standard_is_kept() -> None:
    ocsf = mapped(Kind.DNS_QUERY, dns=Dns("_ldap._tcp.example.org", "SRV"))
    assert "query" not in ocsf
    assert ocsf["type_uid"] == 400301
    assert ocsf["unmapped"]["dns"] == {"question": "_ldap._tcp.example.org", "type": "SRV"}


@pytest.mark.parametrize(("level", "number"), [("low", 2), ("High", 4), ("critical", 5), ("odd", 0)])
def test_a_detection_is_a_finding_with_its_evidence(level: str, number: int) -> None:
    detection = Detection("r1", "Shell by web server", level, "us", ("attack.execution", "attack.t1059.004"))
    links = (Link("0123abc/e1/ordinary/4", "matched"),)
    ocsf = mapped(Kind.DETECTION, detection=detection, process=SHELL, network=OUT, links=links)
    assert (ocsf["type_uid"], ocsf["severity_id"], ocsf["status_id"]) == (200401, number, 1)
    info = ocsf["finding_info"]
    assert (info["title"], info["uid"]) == ("Shell by web server", ocsf["metadata"]["uid"])
    assert info["analytic"] == {"type_id": 1, "name": "Shell by web server", "uid": "r1"}
    assert info["attacks"] == [{"technique": {"uid": "T1059"}, "sub_technique": {"uid": "T1059.004"}}]
    assert info["types"] == ["attack.execution", "attack.t1059.004"]
    assert info["related_events"] == [{"uid": "0123abc/e1/ordinary/4", "type": "matched"}]
    (evidence,) = ocsf["evidences"]
    assert (evidence["process"]["uid"], evidence["dst_endpoint"]["ip"]) == ("e7", "192.0.2.1")


def test_a_misconfiguration_is_a_failed_check() -> None:
    posture = Posture("root_user", "Runs as root", "medium", "Set a user", ("/bin/a", "/bin/b"))
    ocsf = mapped(Kind.POSTURE, posture=posture)
    assert (ocsf["type_uid"], ocsf["severity_id"]) == (200301, 3)
    assert ocsf["compliance"] == {"standards": ["fargate-sensor"], "status_id": 3, "control": "root_user"}
    assert ocsf["remediation"] == {"desc": "Set a user"}
    assert ocsf["finding_info"]["desc"] == "/bin/a, /bin/b"


def test_containers_are_applications_that_start_and_stop() -> None:
    ocsf = mapped(Kind.CONTAINER_STOP)
    assert ocsf["type_uid"] == 600204
    assert ocsf["app"] == {"uid": "c1", "name": "app", "vendor_name": "Unknown"}


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [(Kind.SENSOR_START, 3, None), (Kind.SENSOR_STOP, 4, None), (Kind.SENSOR_HEARTBEAT, 99, "Heartbeat")],
)
def test_the_sensor_about_itself(kind: Kind, number: int, name: str | None) -> None:
    health = Health(1.0, 1.0, 3, 5, 0.6, {"process.exec": 5}, {"queue_full": 2}, {"files": CollectorHealth("ok")})
    ocsf = mapped(kind, health=health)
    assert (ocsf["activity_id"], ocsf.get("activity_name"), ocsf["status_id"]) == (number, name, 1)
    assert ocsf["app"]["name"] == "fargate-sensor"
    assert ocsf["unmapped"]["health"]["losses"] == {"queue_full": 2}


def test_a_parked_sensor_has_failed() -> None:
    ocsf = mapped(Kind.SENSOR_START, health=Health(1.0, 1.0, parked=("no ingest",)))
    assert (ocsf["status_id"], ocsf["severity_id"]) == (2, 3)


def test_a_loss_tells_its_reason_and_how_much() -> None:
    ocsf = mapped(Kind.SENSOR_LOSS, loss=Loss("queue_full", "exact", 7, "pipeline"))
    assert (ocsf["activity_name"], ocsf["status_code"], ocsf["severity_id"]) == ("Loss", "queue_full", 2)
    assert ocsf["unmapped"]["loss"] == {"bound": "exact", "count": 7, "source": "pipeline"}


def test_an_event_without_the_part_it_is_about_is_a_base_event_that_tells_the_rest() -> None:
    ocsf = mapped(Kind.FILE_CREATE)
    assert (ocsf["class_uid"], ocsf["activity_name"]) == (0, "file.create")
    assert ocsf["unmapped"]["container"]["id"] == "c1"
