import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.containers.task_metadata import MOST_CONTAINERS, TEXT_LIMIT, MalformedMetadata, parse
from sensor.model.events import Container, Task

TASK = "34dc0b5e626f2c5c4c5170e34b10e765"
ARN = f"arn:aws:ecs:eu-central-1:123456789012:task/production/{TASK}"
ANSWER: dict[str, Any] = {
    "Cluster": "arn:aws:ecs:eu-central-1:123456789012:cluster/production",
    "TaskARN": ARN,
    "Family": "shop",
    "Revision": "7",
    "DesiredStatus": "RUNNING",
    "AvailabilityZone": "eu-central-1b",
    "LaunchType": "FARGATE",
    "Limits": {"CPU": 0.25, "Memory": 512},
    "Containers": [
        {
            "DockerId": f"{TASK}-1234567890",
            "Name": "app",
            "Image": "registry.example.org/shop:1.4",
            "ImageID": "sha256:6c0a",
            "Type": "NORMAL",
        },
        {"DockerId": f"{TASK}-987654321", "Name": "sensor"},
    ],
}


def parsed(**changed: object) -> Any:
    return parse(json.dumps(ANSWER | changed).encode())


def test_the_whole_answer() -> None:
    found = parsed()
    assert found.task == Task(
        "ecs-fargate", "123456789012", "eu-central-1", "production", ARN, "shop", "7", "eu-central-1b"
    )
    assert list(found.containers.values()) == [
        Container(f"{TASK}-1234567890", "app", "registry.example.org/shop:1.4", "sha256:6c0a"),
        Container(f"{TASK}-987654321", "sensor"),
    ]


def test_a_cluster_may_be_a_plain_name() -> None:
    assert parsed(Cluster="production").task.cluster == "production"


def test_other_partitions_have_arns_too() -> None:
    found = parsed(TaskARN=f"arn:aws-us-gov:ecs:us-gov-west-1:123456789012:task/{TASK}")
    assert (found.task.region, found.task.account) == ("us-gov-west-1", "123456789012")


@pytest.mark.parametrize("odd", [None, 7, "", [], {}])
def test_a_field_of_an_odd_type_is_missing(odd: object) -> None:
    assert parsed(Family=odd).task.family is None


@pytest.mark.parametrize("odd", [None, 7, "x", {}, [None, 7, [], {}, {"DockerId": 5}]])
def test_odd_containers_are_passed_over(odd: object) -> None:
    assert parsed(Containers=odd).containers == {}


def test_texts_and_lists_are_bounded() -> None:
    many = [{"DockerId": str(i), "Name": "n" * 5000} for i in range(1000)]
    found = parsed(Containers=many)
    assert len(found.containers) == MOST_CONTAINERS
    assert len(found.containers["0"].name) == TEXT_LIMIT


def test_lone_surrogates_become_valid_unicode() -> None:
    assert parsed(Family="a\ud800b").task.family == "a\\ud800b"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no JSON"),
        (b"404 page not found", "no JSON"),
        (b"\xff\xfe{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "expected an object, got list"),
        (b"{}", "TaskARN: None is no task's ARN"),
        (b'{"TaskARN": "arn:aws:ecs:x"}', "TaskARN: 'arn:aws:ecs:x' is no task's ARN"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedMetadata, match=reason):
        parse(raw)


@given(st.binary())
def test_bytes_are_refused_or_parsed_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(MalformedMetadata):
        parse(raw)


@pytest.mark.parametrize(
    ("limits", "cores"),
    [({"CPU": 0.25, "Memory": 512}, 0.25), ({"CPU": 2}, 2.0), ({}, None), (None, None), ({"CPU": "2"}, None)]
    + [({"CPU": bad}, None) for bad in (0, -1, True, 1e300)],
)
def test_the_tasks_cpu_is_taken_from_its_limits(limits: object, cores: float | None) -> None:
    arn = "arn:aws:ecs:eu-central-1:123456789012:task/shop/34dc0b5e626f2c5c4c5170e34b10e765"
    assert parse(json.dumps({"TaskARN": arn, "Limits": limits}).encode()).cores == cores


def with_ports(*ports: object) -> Any:
    return parsed(Containers=[{"DockerId": str(n), "Ports": one} for n, one in enumerate(ports)])


def test_the_mapped_ports_of_all_containers_are_the_tasks() -> None:
    web = [{"ContainerPort": 80, "Protocol": "tcp", "HostPort": 80}, {"ContainerPort": 53, "Protocol": "udp"}]
    assert with_ports(web, None, [{"ContainerPort": 8080}]).declared.mapped_ports == {80, 8080}


@pytest.mark.parametrize(
    "ports",
    [None, [], {}, "80", [None], [{}], [{"Protocol": "tcp"}], [{"ContainerPort": "80"}], [{"ContainerPort": 0}],
     [{"ContainerPort": True}], [{"ContainerPort": 65_536}]],
)  # fmt: skip
def test_where_no_port_is_told_or_one_is_odd_nothing_is_known(ports: object) -> None:
    assert with_ports(ports).declared.mapped_ports is None


def test_a_range_beside_a_port_leaves_all_unknown() -> None:
    assert with_ports([{"ContainerPort": 80, "Protocol": "tcp"}], [{"Protocol": "tcp"}]).declared.mapped_ports is None


def test_containers_that_aws_has_added_are_known_by_their_names() -> None:
    names = ("app", "aws-guardduty-agent-TgHuP", "ecs-service-connect-oRK9o", "my-aws-guardduty-agent-")
    listed = [{"DockerId": str(n), "Name": name} for n, name in enumerate(names)]
    assert parsed(Containers=[*listed, {"DockerId": "4"}]).declared.managed == {"1", "2"}


@pytest.mark.parametrize(
    ("limits", "memory"),
    [({"Memory": 512}, 512 << 20), ({"CPU": 1}, None), ({"Memory": -1}, None), ({"Memory": True}, None), ("x", None)],
)
def test_the_tasks_memory_is_taken_from_its_limits(limits: object, memory: int | None) -> None:
    arn = "arn:aws:ecs:eu-west-1:1:task/c/1"
    assert parse(json.dumps({"TaskARN": arn, "Limits": limits}).encode()).memory_bytes == memory
