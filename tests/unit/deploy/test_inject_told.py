"""What stands in the way is one line and changes nothing; what changes for the app is told."""

import json
from typing import Any

import pytest
from task_definitions import FOLDER, IMAGE, WISHES, injected, removed

from deploy.ecs.document import read
from deploy.ecs.inject import CannotInject, inject, missing
from deploy.ecs.remove import remove
from deploy.ecs.wishes import Wishes
from deploy.sidecar.destinations import ingest, parse
from deploy.told import note

APP: dict[str, Any] = {"name": "app", "image": "app:1"}


def task(*containers: dict[str, Any], **fields: Any) -> bytes:
    """A task of these containers, of the app alone where none is given."""
    return json.dumps({"family": "t", "containerDefinitions": containers or [APP], **fields}).encode()


def app(**fields: Any) -> bytes:
    """A task whose app has these fields."""
    return task({**APP, **fields})


def told(content: bytes, wishes: Wishes = WISHES) -> list[str]:
    """What is said, `warning: …` and `note: …`."""
    document = read(content)
    return [f"{one.level}: {one.text}" for definition in document.definitions for one in inject(definition, wishes)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (task(pidMode="host"), "pidMode is host: Fargate takes only task"),
        (task(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}), "the sensor is for Linux"),
        (task(requiresCompatibilities=["EC2"]), "requiresCompatibilities is EC2, without FARGATE"),
        (task(networkMode="bridge"), "networkMode is bridge: Fargate takes only awsvpc"),
        (task(ipcMode="task"), "ipcMode is not for Fargate"),
        (task(placementConstraints=[{"type": "memberOf"}]), "placementConstraints are not for Fargate"),
        (task(volumes=[{"name": "v", "host": {"sourcePath": "/srv"}}]), "volume v: host.sourcePath is not for Fargate"),
        (task(volumes=[{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]), "dockerVolumeConfiguration"),
        (task(volumes=[{"name": "fargate-sensor-spool"}]), "there is a volume fargate-sensor-spool but no sensor"),
        (app(privileged=True), "app: privileged is not for Fargate"),
        (app(links=["db"]), "app: links is not for Fargate"),
        (app(extraHosts=[{"hostname": "h", "ipAddress": "10.0.0.1"}]), "app: extraHosts is not for Fargate"),
        (app(linuxParameters={"sharedMemorySize": 64}), "app: linuxParameters.sharedMemorySize is not for Fargate"),
        (app(resourceRequirements=[{"type": "GPU", "value": "1"}]), "app: a GPU is not for Fargate"),
        (task(*({**APP, "name": f"c{n}"} for n in range(10))), "there are 10 containers already"),
        (task(APP, APP), "2 containers are called app"),
        (task(APP, {"name": "eye", "image": f"{IMAGE}@sha256:0"}), "eye runs the sensor already"),
        (app(dependsOn=[{"containerName": "fargate-sensor", "condition": "START"}]), "which is not there"),
    ],
)
def test_what_cannot_work_is_one_line_and_changes_nothing(content: bytes, reason: str) -> None:
    document = read(content)
    with pytest.raises(CannotInject) as caught:
        inject(document.definitions[0], WISHES)
    (line,) = caught.value.reasons
    assert reason in line
    assert document.text().encode() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (app(entryPoint=["/init"]), "warning: app: /init wants to be PID 1"),
        (app(command=["/usr/lib/systemd/systemd"]), "warning: app: /usr/lib/systemd/systemd wants to be PID 1"),
        (
            task({**APP, "image": "lscr.io/linuxserver/nginx:1"}),
            "the image lscr.io/linuxserver/nginx wants to be PID 1",
        ),
        (task({**APP, "image": "phusion/baseimage:jammy-1.0.4"}), "the image phusion/baseimage wants to be PID 1"),
        (task({**APP, "image": "h:5000/a/my-systemd"}), "the image h:5000/a/my-systemd wants to be PID 1"),
        (app(healthCheck={"command": ["CMD-SHELL", "pgrep nginx"]}), "looks for processes by name (pgrep)"),
        (app(healthCheck={"command": ["CMD", "/bin/ps", "aux"]}), "looks for processes by name (ps)"),
        (app(healthCheck={"command": ["CMD-SHELL", "kill -0 1"]}), "its health check asks for PID 1"),
        (app(healthCheck={"command": ["CMD-SHELL", "kill -s 0 1 || exit 1"]}), "its health check asks for PID 1"),
        (app(healthCheck={"command": ["CMD", "kill", "--signal", "0", "1"]}), "its health check asks for PID 1"),
        (app(command=["sh", "-c", "cat /proc/1/status"]), "its command uses PID 1"),
        (app(linuxParameters={"initProcessEnabled": True}), "the init process of initProcessEnabled is not PID 1"),
        (app(), "no container has a logConfiguration"),
        (app(), "note: the containers share their processes from now on"),
        (app(), "warning: the task has no taskRoleArn: the sensor logs in"),
        ((FOLDER / "sam.template.yaml").read_bytes(), "ECS Exec is on, and reaches one container only"),
        (
            (FOLDER / "init_chain.json").read_bytes(),
            "note: migrate is left to start when it likes: others wait for its end",
        ),
        *(
            (
                task({**APP, "dependsOn": [{"containerName": "init", "condition": how}]}, {**APP, "name": "init"}),
                "note: init is left to start when it likes: others wait for its end",
            )
            for how in ("COMPLETE", "SUCCESS")
        ),
        ((FOLDER / "template.json").read_bytes(), "warning: container 2 is computed by the template: it does not wait"),
        ((FOLDER / "firelens.json").read_bytes(), "note: log_router is left to start before the sensor"),
        ((FOLDER / "terraform_array.json").read_bytes(), 'needs pid_mode = "task" and volume'),
    ],
)
def test_what_changes_for_the_app_is_told(content: bytes, said: str) -> None:
    assert sum(said in line for line in told(content)) == 1


@pytest.mark.parametrize(
    "content",
    [
        app(command=["skill", "10"]),
        app(command=["kill", "-9", "123"]),
        app(command=["kill", "-s", "1", "123"]),
        app(healthCheck={"command": ["CMD", "curl", "http://h/ps"]}),
        app(entryPoint=["/initialise"]),
        task({**APP, "image": "nginx:1"}),
        task({**APP, "image": "a/linuxserver:1"}),
        task({**APP, "image": "not-linuxserver/nginx:1"}),
        task({**APP, "image": "systemd/nginx:1"}),
        app(healthCheck={"command": ["CMD-SHELL", "test -d /proc/11"]}),
    ],
)
def test_what_only_looks_alike_is_not_told(content: bytes) -> None:
    assert not [line for line in told(content) if "app:" in line]


AFTER_APP = [{"containerName": "app", "condition": "START"}]


@pytest.mark.parametrize(
    ("router", "waiting"),
    [
        ({}, {"app", "settings"}),
        ({"volumesFrom": [{"sourceContainer": "settings"}]}, {"app"}),
        ({"dependsOn": AFTER_APP}, {"app", "settings"}),
        ({"dependsOn": AFTER_APP, "volumesFrom": [{"sourceContainer": "settings"}]}, {"app", "settings"}),
    ],
)
def test_what_a_log_router_waits_for_is_before_it_unless_it_waits_for_the_app(
    router: dict[str, Any], waiting: set[str]
) -> None:
    router = {"name": "router", "image": "router:1", "firelensConfiguration": {"type": "fluentbit"}, **router}
    request = json.loads(injected(task(router, APP, {"name": "settings", "image": "settings:1"})))
    for_sensor = [
        one["name"] for one in request["containerDefinitions"] if "fargate-sensor" in str(one.get("dependsOn"))
    ]
    assert set(for_sensor) == waiting


def test_a_secret_is_warned_of_and_needs_no_role() -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:token"
    lines = told(app(), Wishes(image=IMAGE, destinations=(ingest("https://i.example.org"),), token_secret=arn))
    assert sum("where it cannot, no container starts" in line for line in lines) == 1
    assert not [line for line in lines if "taskRoleArn" in line]


@pytest.mark.parametrize(
    ("image", "arn", "fields", "refused"),
    [
        (IMAGE, None, {}, ["image from ECR"]),
        ("123456789012.dkr-ecr.eu-central-1.on.aws/fargate-sensor:1", None, {}, ["image from ECR"]),
        ("public.ecr.aws/security/fargate-sensor:1", None, {}, []),
        ("registry.example.org/fargate-sensor:1", "arn:aws:ssm:eu-central-1:1:parameter/t", {}, ["secrets"]),
        (IMAGE, "arn:aws:ssm:eu-central-1:1:parameter/t", {}, ["image from ECR and no secrets"]),
        (IMAGE, None, {"executionRoleArn": "arn:aws:iam::1:role/r"}, []),
    ],
)
def test_what_ecs_refuses_without_an_execution_role_is_told(
    image: str, arn: str | None, fields: dict[str, Any], refused: list[str]
) -> None:
    lines = told(task(**fields), Wishes(image, WISHES.destinations, token_secret=arn))
    assert [line for line in lines if "executionRoleArn" in line] == [
        f"warning: the task has no executionRoleArn: ECS takes no {one} then" for one in refused
    ]


def test_a_destination_of_aws_names_the_permission() -> None:
    assert any("kinesis needs kinesis:PutRecords" in line for line in told(app(), Wishes(IMAGE, (parse("kinesis:s"),))))


SIZE = {"cpu": "256", "memory": "512"}


def test_what_is_reserved_counts_before_what_may_be_taken() -> None:
    lines = told(task({**APP, "memory": 512, "memoryReservation": 128}, **SIZE))
    assert not [line for line in lines if "--allow-resize" in line]


def test_a_size_is_kept_and_the_step_priced() -> None:
    lines = told(task({**APP, "memory": 512}, **SIZE))
    (line,) = [line for line in lines if "--allow-resize" in line]
    # 0.5 GB more, 730 hours at $0.004445 a GB
    assert "0.25 vCPU and 1024 MiB instead of 0.25 vCPU and 512 MiB: $1.62 more a month" in line
    assert "us-east-1" in line
    request = json.loads(injected(task({**APP, "memory": 512}, **SIZE)))
    assert (request["cpu"], request["memory"]) == ("256", "512")


@pytest.mark.parametrize(
    ("size", "reserved", "larger"),
    [
        (("256", "512"), 512, ("256", "1024")),
        (("256", "2048"), 2000, ("512", "3072")),
        ((".5 vCPU", "4 GB"), 4096, ("1024", "5120")),
        (("256", "512"), 448, ("256", "512")),
        (("256", "512"), 1024, ("256", "2048")),
        (("16384", "122880"), 122880, ("32768", "249856")),
        (("32768", "249856"), 249856, ("32768", "249856")),
        (("300", "512"), 512, ("300", "512")),
    ],
)
def test_a_step_that_is_allowed_is_taken_where_it_is_needed(
    size: tuple[str, str], reserved: int, larger: tuple[str, str]
) -> None:
    content = task({**APP, "memoryReservation": reserved}, cpu=size[0], memory=size[1])
    wishes = Wishes(IMAGE, WISHES.destinations, allow_resize=True)
    once = injected(content, wishes)
    request = json.loads(once)
    assert (request["cpu"], request["memory"]) == larger
    assert injected(once, wishes) == once
    assert removed(once) == content


RESIZING = Wishes(IMAGE, WISHES.destinations, allow_resize=True)
FULL = task({**APP, "memory": 512}, **SIZE)


@pytest.mark.parametrize("size", [{"cpu": "512"}, {"memory": "2048"}, {"cpu": "1024", "memory": "4096"}])
def test_a_size_that_somebody_has_changed_since_is_kept(size: dict[str, str]) -> None:
    own = json.loads(injected(FULL, RESIZING)) | size
    document = read(json.dumps(own).encode())
    (line,) = remove(document.definitions[0])
    assert line == note("cpu and memory stay as they are: the size is not the one that the sensor was given")
    request = json.loads(document.text())
    assert (request["cpu"], request["memory"]) == (own["cpu"], own["memory"])
    assert request["containerDefinitions"] == json.loads(FULL)["containerDefinitions"]


def test_a_step_from_a_changed_size_is_taken_back_to_that_one() -> None:
    own = json.loads(injected(FULL, RESIZING)) | {"cpu": "1024", "memory": "4096"}
    own["containerDefinitions"][0]["memory"] = 4096
    twice = injected(json.dumps(own).encode(), RESIZING)
    assert json.loads(twice)["memory"] == "5120"
    back = json.loads(removed(twice))
    assert (back["cpu"], back["memory"]) == ("1024", "4096")


def test_a_size_as_ecs_writes_it_is_the_same() -> None:
    content = task({**APP, "memory": 4096}, cpu=".5 vCPU", memory="4 GB")
    own = json.loads(injected(content, RESIZING)) | {"cpu": "1 vCPU", "memory": "5GB"}
    assert removed(json.dumps(own).encode()) == content


def test_what_was_empty_is_recorded_as_it_was() -> None:
    record = json.loads(injected(app(dependsOn=[])))["containerDefinitions"][-1]["dockerLabels"]
    assert json.loads(record["fargate-sensor.before-injection"])["empty"] == {"app": []}


def test_what_a_log_router_takes_volumes_from_starts_before_the_sensor() -> None:
    router = {**APP, "name": "router", "firelensConfiguration": {"type": "fluentbit"}}
    content = task(APP, {**router, "volumesFrom": [{"sourceContainer": "config"}]}, {**APP, "name": "config"})
    assert "note: config is left to start before the sensor" in told(content)
    waits = {one["name"]: "dependsOn" in one for one in json.loads(injected(content))["containerDefinitions"]}
    assert waits == {"app": True, "router": False, "config": False, "fargate-sensor": False}


def test_what_is_needed_the_first_time() -> None:
    (definition,) = read(app()).definitions
    assert missing(definition, Wishes()) == "--image"
    assert missing(definition, Wishes(image=IMAGE)) == "--ingest-url or --destination"
    assert missing(definition, Wishes(image=IMAGE, variables={"SENSOR_INGEST_URL": "https://i"})) is None
    kinesis = {"SENSOR_DESTINATIONS": "stdout,kinesis"}
    assert missing(definition, Wishes(image=IMAGE, variables=kinesis)) == "--env SENSOR_KINESIS_STREAM"
    assert missing(definition, Wishes(image=IMAGE, variables={**kinesis, "SENSOR_KINESIS_STREAM": "s"})) is None
    (definition,) = read(injected(app())).definitions
    assert missing(definition, Wishes()) is None
