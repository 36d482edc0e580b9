"""Files of tests/data/checks: each check fires on its bad one, at one line, no other does, and good ones are sound."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from task_definitions import FILES, with_sensor

from deploy.checks.catalog import catalog
from deploy.checks.engine import run

FOLDER = Path(__file__).parents[3] / "data/checks"
LINES = {
    "added-capabilities.yaml": 16,
    "blocking-logging.json": 17,
    "efs-in-clear.yaml": 53,
    "efs-without-iam.json": 39,
    "exec-without-logging.yaml": 59,
    "fargate-rejects.json": 17,
    "fargate-size.yaml": 12,
    "fault-injection.json": 2,
    "host-namespace.yaml": 12,
    "logging-without-buffer.json": 22,
    "mutable-image-tag.yaml": 16,
    "no-health-check.json": 2,
    "no-logging.yaml": 22,
    "no-sensor.json": 1,
    "pod-stop-timeout.yml": 11,
    "privileged.yaml": 23,
    "ptrace-without-need.json": 17,
    "public-ip.json": 42,
    "root-user.yaml": 17,
    "same-roles.json": 1,
    "secret-in-environment.yaml": 34,
    "sensor-misplaced.json": 71,
    "sensor-parked.json": 180,
    "stop-timeout.json": 27,
    "wildcard-policy.template": 27,
    "writable-root.yaml": 19,
}
"""Of each bad file the line that is to be told."""


def names(kind: str) -> set[str]:
    return {file.name for file in (FOLDER / kind).iterdir()}


def test_each_check_has_a_good_file_and_a_bad_one() -> None:
    assert names("bad") == names("good") == set(LINES)
    assert {Path(name).stem for name in LINES} == {check.id for check in catalog()}


@pytest.mark.parametrize("name", LINES)
def test_a_bad_file_is_found_bad_in_one_respect_and_one_place(name: str) -> None:
    result = run(catalog(), [FOLDER / "bad" / name])
    assert [(finding.check.id, finding.line) for finding in result.findings] == [(Path(name).stem, LINES[name])]
    assert not result.problems


@pytest.mark.parametrize("name", LINES)
def test_a_good_file_is_sound(name: str) -> None:
    result = run(catalog(), [FOLDER / "good" / name])
    assert [(finding.check.id, finding.line, finding.flaw.text) for finding in result.findings] == []
    assert result.subjects
    assert not result.problems


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_injection_writes_has_its_sensor_in_the_right_place(file: Path, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(with_sensor(file))
    found = run(catalog(), [tmp_path / file.name]).findings
    of_sensor = (
        "sensor-misplaced",
        "sensor-parked",
        "no-sensor",
        "ptrace-without-need",
        "fargate-rejects",
        "fargate-size",
    )
    assert [f.flaw.text for f in found if f.check.id in of_sensor] == []
    assert [f.flaw.text for f in found if f.subject.endswith("container fargate-sensor")] == []


def sound(name: str = "blocking-logging.json") -> dict:
    """A sound task definition: an app, then the sensor."""
    return json.loads((FOLDER / "good" / name).read_text())


def told(tmp_path: Path, check: str, change: Callable[[dict, dict, dict], None]) -> list[str]:
    """What a check says of the sound task definition after a change of it, its app and its sensor."""
    task = sound()
    change(task, *task["containerDefinitions"])
    (tmp_path / "t.json").write_text(json.dumps(task))
    result = run(catalog(), [tmp_path / "t.json"])
    assert not result.problems
    return [finding.flaw.text for finding in result.findings if finding.check.id == check]


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (lambda task, app, sensor: None, []),
        (
            lambda task, app, sensor: app.pop("dependsOn"),
            ["container orders may start before the sensor and stop after it"],
        ),
        (
            lambda task, app, sensor: app.update(
                dependsOn=[{"containerName": "fargate-sensor", "condition": "HEALTHY"}]
            ),
            ["container orders does not start before the sensor is healthy"],
        ),
        (
            lambda task, app, sensor: sensor.pop("linuxParameters"),
            ["without SYS_PTRACE the sensor reads little of the others"],
        ),
        (lambda task, app, sensor: (app.pop("dependsOn"), app.update(firelensConfiguration={"type": "fluentbit"})), []),
        (
            lambda task, app, sensor: (
                app.pop("dependsOn"),
                sensor.update(dependsOn=[{"containerName": "orders", "condition": "START"}]),
            ),
            ["the sensor starts after orders and misses its start"],
        ),
        (
            lambda task, app, sensor: (
                app.pop("dependsOn"),
                sensor.update(dependsOn=[{"containerName": "orders", "condition": "HEALTHY"}]),
            ),
            ["the sensor starts after orders and misses its start"],
        ),
        (
            lambda task, app, sensor: task["containerDefinitions"].extend(
                [
                    {"name": "settings", "image": "settings:1"},
                    {
                        "name": "router",
                        "image": "router:1",
                        "firelensConfiguration": {"type": "fluentbit"},
                        "volumesFrom": [{"sourceContainer": "settings"}],
                    },
                    {"name": "reader", "image": "reader:1", "volumesFrom": [{"sourceContainer": "orders"}]},
                ]
            ),
            [],
        ),
        (lambda task, app, sensor: task.update(pidMode=None), ["without pidMode: task the sensor sees only itself"]),
        (lambda task, app, sensor: sensor.update(stopTimeout=5), ["the sensor's stopTimeout is not 30 s or more"]),
        (
            lambda task, app, sensor: sensor.update(environment=[{"name": "SENSOR_STOP_DEADLINE", "value": "60"}]),
            ["the sensor's stopTimeout is not 65 s or more"],
        ),
        (lambda task, app, sensor: sensor.pop("user", None), []),
        (lambda task, app, sensor: sensor.update(user="root:root"), []),
        (
            lambda task, app, sensor: sensor.update(user="1000:0"),
            ["as the user 1000:0 the sensor has no rights over other processes"],
        ),
        (lambda task, app, sensor: sensor.pop("essential"), ["the sensor is essential: its end ends the task"]),
    ],
)
def test_where_the_sensor_has_to_stand(tmp_path: Path, change: Callable, texts: list[str]) -> None:
    assert told(tmp_path, "sensor-misplaced", change) == texts


@pytest.mark.parametrize(
    ("cpu", "memory", "containers", "texts"),
    [
        ("32768", "249856", (200_000, None), []),
        ("32 vCPU", "60 GB", (None, None), []),
        ("32768", "65536", (None, None), ["Fargate has no task of cpu 32768 with memory 65536"]),
        ("512", "1024", (960, 64), []),
        ("512", "1024", (960, 65), ["its containers are promised 1025 MiB of the task's 1024"]),
        (
            "512",
            "1024",
            (1025, None),
            [
                "container orders may take 1025 MiB of the task's 1024",
                "its containers are promised 1025 MiB of the task's 1024",
            ],
        ),
    ],
)
def test_what_fits_into_a_task(tmp_path: Path, cpu: str, memory: str, containers: tuple, texts: list[str]) -> None:
    def change(task: dict, app: dict, sensor: dict) -> None:
        task.update(cpu=cpu, memory=memory)
        app["memory"], sensor["memory"] = containers

    assert told(tmp_path, "fargate-size", change) == texts


@pytest.mark.parametrize(
    ("units", "texts"),
    [((500, 12), []), ((500, 13), ["its containers are promised 513 CPU units of the task's 512"]), ((512, None), [])],
)
def test_containers_are_promised_no_more_cpu_than_the_task_has(tmp_path: Path, units: tuple, texts: list[str]) -> None:
    def change(task: dict, app: dict, sensor: dict) -> None:
        app["cpu"], sensor["cpu"] = units

    assert told(tmp_path, "fargate-size", change) == texts


def test_what_is_reserved_counts_in_place_of_the_most_that_a_container_may_take(tmp_path: Path) -> None:
    def change(task: dict, app: dict, sensor: dict) -> None:
        app.update(memory=1024, memoryReservation=512)
        sensor.update(memory=1024, memoryReservation=512)

    assert told(tmp_path, "fargate-size", change) == []


@pytest.mark.parametrize(
    ("image", "agent"),
    [
        ("public.ecr.aws/datadog/agent:7", True),
        ("1.dkr.ecr.eu-central-1.amazonaws.com/aws-guardduty-agent-fargate:v1.8.0-Fg_x86_64", True),
        ("quay.io/sysdig/workload-agent@sha256:00", True),
        ("falcosecurity/falco:0.40.0", True),
        ("localhost:5000/fargate-sensor", True),
        ("example.org/agent:7", False),
        ("example.org/datadog-exporter:1", False),
        ("aquarium:1", False),
        ("example.org/falcon-sensor-exporter:1", False),
        ("falco/web:1", False),
    ],
)
def test_a_sensor_is_known_by_the_whole_name_of_its_image(tmp_path: Path, image: str, agent: bool) -> None:
    def change(task: dict, app: dict, sensor: dict) -> None:
        app.update(image=image, linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}})

    assert (told(tmp_path, "ptrace-without-need", change) == []) == agent


TOKEN = [{"name": "SENSOR_INGEST_TOKEN", "value": "hunter2hunter2"}]


@pytest.mark.parametrize(
    ("check", "fields"),
    [
        ("secret-in-environment", {"environment": TOKEN}),
        ("privileged", {"privileged": True}),
        ("writable-root", {"readonlyRootFilesystem": False}),
        ("added-capabilities", {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"]}}}),
        ("ptrace-without-need", {"image": "registry.example.org/something:1"}),
    ],
)
def test_what_only_bears_the_sensors_name_is_no_sensor(tmp_path: Path, check: str, fields: dict[str, Any]) -> None:
    assert told(tmp_path, check, lambda task, app, sensor: None) == []
    assert len(told(tmp_path, check, lambda task, app, sensor: sensor.update(fields))) == 1


EXEC = (FOLDER / "good/exec-without-logging.yaml").read_text()
OVERRIDE = "Logging: OVERRIDE\n          LogConfiguration: "


@pytest.mark.parametrize(
    ("old", "new", "texts", "open_questions"),
    [
        ("Logging: DEFAULT", "Logging: NONE", ["the cluster logs no sessions"], 0),
        (
            "Logging: DEFAULT",
            f"{OVERRIDE}{{CloudWatchEncryptionEnabled: true}}",
            ["the cluster's logging is OVERRIDE without a log group or bucket"],
            0,
        ),
        ("Logging: DEFAULT", f"{OVERRIDE}{{S3BucketName: sessions}}", [], 0),
        ("Logging: DEFAULT", f"{OVERRIDE}{{CloudWatchLogGroupName: !Ref Group}}", [], 0),
        ("Logging: DEFAULT", "Logging: !If [Production, OVERRIDE, NONE]", [], 1),
        ("Logging: DEFAULT", 'Logging: !Sub "${Logging}"', [], 1),
        ("LogDriver: awslogs", "LogDriver: !Ref Driver", [], 1),
        ("TaskDefinition: !Ref TaskDefinition", "TaskDefinition: !Ref Elsewhere", [], 1),
        ("          Logging: DEFAULT\n", "          KmsKeyId: a\n", [], 0),
        ("Cluster: !Ref Cluster\n", "Cluster: shop\n", [], 1),
        ("Cluster: !Ref Cluster\n      TaskDefinition: !Ref TaskDefinition\n", "TaskDefinition: a\n", [], 1),
        (
            EXEC[EXEC.index("      Cluster: ") : EXEC.index("      NetworkConfiguration")],
            "      Cluster: shop\n",
            [],
            0,
        ),
        ("EnableExecuteCommand: true", "EnableExecuteCommand: false", [], 0),
        ("EnableExecuteCommand: true", "EnableExecuteCommand: !Ref Exec", [], 1),
    ],
)
def test_where_the_sessions_of_ecs_exec_go(
    tmp_path: Path, old: str, new: str, texts: list[str], open_questions: int
) -> None:
    assert EXEC.count(old) == 1
    (tmp_path / "t.yaml").write_text(EXEC.replace(old, new))
    only = [check for check in catalog() if check.id == "exec-without-logging"]
    result = run(only, [tmp_path / "t.yaml"])
    assert [f.flaw.text for f in result.findings] == [f"enableExecuteCommand is on, and {text}" for text in texts]
    assert result.undecided == open_questions


@pytest.mark.parametrize(
    ("container", "found"),
    [
        ("{<<: *base}", ["the tag is latest"]),
        ("{<<: *base, image: app:1.0}", []),
        ("{image: app:1.0, <<: *base}", []),
        ("{<<: [{image: app:1.0}, *base]}", []),
        ("{<<: [*base, {image: app:1.0}]}", ["the tag is latest"]),
    ],
)
def test_what_stands_in_a_mapping_wins_over_what_it_merges(tmp_path: Path, container: str, found: list[str]) -> None:
    base = "base: &base {name: app, image: app:latest}"
    (tmp_path / "t.yaml").write_text(f"family: t\n{base}\ncontainerDefinitions: [{container}]\n")
    only = [check for check in catalog() if check.id == "mutable-image-tag"]
    assert [finding.flaw.text for finding in run(only, [tmp_path / "t.yaml"]).findings] == found


def test_one_unknown_does_not_hide_what_is_known_of_others(tmp_path: Path) -> None:
    """A variable, and a field of a container before, that only the deployment knows."""
    text = (FOLDER / "bad/secret-in-environment.yaml").read_text()
    assert "Value: !Ref Bucket" in text
    user = text.replace('User: "10001"', "User: !Ref Owner").replace('User: "0"', "User: !Ref Owner")
    (tmp_path / "t.yaml").write_text(user)
    found = run(catalog(), [tmp_path / "t.yaml"]).findings
    assert [finding.check.id for finding in found] == ["secret-in-environment"]
