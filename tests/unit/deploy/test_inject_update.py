"""A second injection takes over what is new, keeps what others chose, and says what it overrules."""

import json
from typing import Any

import pytest
from task_definitions import FOLDER, IMAGE, SINGLE, WISHES, changed, injected, removed, requests, sensor_of

from deploy.ecs.document import read
from deploy.ecs.inject import inject, missing
from deploy.ecs.wishes import Wishes
from deploy.sidecar.destinations import ingest, parse


def variables(content: bytes) -> dict[str, str]:
    return {one["name"]: one["value"] for one in sensor_of(content)["environment"]}


def updated(content: bytes, wishes: Wishes = WISHES) -> tuple[dict[str, Any], list[str]]:
    document = read(content)
    lines = [f"{one.level}: {one.text}" for one in inject(document.definitions[0], wishes)]
    return sensor_of(document.text().encode()), lines


def test_another_destination_replaces_the_first() -> None:
    twice = injected(injected(SINGLE), Wishes(destinations=(parse("kinesis:security"), parse("stdout"))))
    assert variables(twice) == {
        "SENSOR_SPOOL_DIR": "/var/lib/fargate-sensor/spool",
        "SENSOR_DESTINATIONS": "kinesis,stdout",
        "SENSOR_KINESIS_STREAM": "security",
    }
    assert sensor_of(twice)["image"] == IMAGE


def test_another_image_replaces_the_first_and_nothing_else() -> None:
    once = injected(SINGLE)
    assert injected(once, Wishes(image="other/fargate-sensor:2")) == once.replace(
        IMAGE.encode(), b"other/fargate-sensor:2"
    )


def test_what_others_added_stays() -> None:
    content = changed(
        cpu=32,
        stopTimeout=60,
        secrets=[{"name": "X", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/x"}],
        environment=[{"name": "MINE", "value": "1"}],
    )
    sensor, told = updated(content)
    assert (sensor["cpu"], sensor["stopTimeout"], len(sensor["secrets"])) == (32, 60, 1)
    assert {"name": "MINE", "value": "1"} in sensor["environment"]
    assert "note: fargate-sensor: stopTimeout is kept as it is; inject would write another one" in told


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("essential", True, "essential was True, and is False now"),
        ("user", "1000", "user was 1000, and is 0 now"),
        ("readonlyRootFilesystem", False, "readonlyRootFilesystem was False, and is True now"),
        ("stopTimeout", 5, "stopTimeout was 5, and is 30 now"),
    ],
)
def test_what_the_sensor_needs_is_set_and_told(field: str, value: object, said: str) -> None:
    sensor, told = updated(changed(**{field: value}))
    assert sensor[field] == sensor_of(injected(SINGLE))[field]
    assert f"warning: fargate-sensor: {said}" in told


@pytest.mark.parametrize(
    "linux", [{}, {"capabilities": {}}, {"capabilities": {"add": []}}, {"capabilities": {"add": ["SYS_PTRACE"]}}]
)
def test_the_capability_is_there_once(linux: dict[str, Any]) -> None:
    sensor, _ = updated(changed(linuxParameters=linux))
    assert sensor["linuxParameters"] == {"capabilities": {"add": ["SYS_PTRACE"]}}


def test_a_hand_made_sensor_is_brought_up_to_date_and_keeps_its_log_and_spool() -> None:
    request = json.loads(SINGLE)
    log = {"logDriver": "splunk"}
    request["containerDefinitions"].append({"name": "fargate-sensor", "image": IMAGE, "logConfiguration": log})
    sensor, _ = updated(json.dumps(request).encode())
    wanted = sensor_of(injected(SINGLE, Wishes(IMAGE, WISHES.destinations, spool=False)))
    assert {key: sensor[key] for key in wanted if key not in ("dockerLabels", "logConfiguration")} == {
        key: wanted[key] for key in wanted if key not in ("dockerLabels", "logConfiguration")
    }
    assert sensor["logConfiguration"] == log
    assert (
        "mountPoints" in updated(json.dumps(request).encode(), Wishes(spool=True, destinations=WISHES.destinations))[0]
    )


def test_the_apps_wait_until_told_otherwise_and_it_is_remembered() -> None:
    def waits(content: bytes) -> bool:
        return "dependsOn" in json.loads(content)["containerDefinitions"][0]

    once = injected(SINGLE)
    without = injected(once, Wishes(depends_on=False))
    assert (waits(once), waits(without), waits(injected(without))) == (True, False, False)
    assert waits(injected(without, Wishes(depends_on=True)))


def test_what_the_sensor_waits_for_does_not_wait_for_it() -> None:
    request = json.loads(SINGLE)
    (app,) = request["containerDefinitions"]
    proxy = {"name": "proxy", "image": "proxy:1", "volumesFrom": [{"sourceContainer": "settings"}]}
    waits = [{"containerName": "proxy", "condition": "START"}]
    sensor = {"name": "fargate-sensor", "image": IMAGE, "dependsOn": waits}
    request["containerDefinitions"] += [proxy, {"name": "settings", "image": "settings:1"}, sensor]
    document = read(json.dumps(request).encode())
    told = [one.text for one in inject(document.definitions[0], WISHES)]
    done = json.loads(document.text())["containerDefinitions"]
    assert [one["name"] for one in done if "fargate-sensor" in str(one.get("dependsOn"))] == [app["name"]]
    assert {f"{name} is left to start before the sensor" for name in ("proxy", "settings")} <= set(told)


def test_a_wait_for_health_is_the_users_and_warned_of() -> None:
    request = json.loads(injected(SINGLE))
    request["containerDefinitions"][0]["dependsOn"][0]["condition"] = "HEALTHY"
    content = json.dumps(request).encode()
    _, told = updated(content)
    assert any("waits until fargate-sensor is HEALTHY" in line for line in told)
    assert b'"HEALTHY"' in injected(content)
    assert b"HEALTHY" not in removed(content)


def test_health_checks_are_handed_over_as_they_are_now() -> None:
    first = injected(with_check(SINGLE, "CMD-SHELL", "curl -f localhost || exit 1"))
    assert json.loads(variables(first)["SENSOR_PROBE_COMMANDS"]) == [["/bin/sh", "-c", "curl -f localhost || exit 1"]]
    second = injected(with_check(first, "CMD", "/alive", "-q"))
    assert json.loads(variables(second)["SENSOR_PROBE_COMMANDS"]) == [["/alive", "-q"]]
    assert "SENSOR_PROBE_COMMANDS" not in variables(injected(with_check(second, "NONE")))


def test_a_token_that_stood_in_plain_gives_way_to_the_secret() -> None:
    arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/token"
    content = changed(environment=[{"name": "SENSOR_INGEST_TOKEN", "value": "s3cret"}])
    sensor, _ = updated(content, Wishes(IMAGE, WISHES.destinations, token_secret=arn))
    assert sensor["secrets"] == [{"name": "SENSOR_INGEST_TOKEN", "valueFrom": arn}]
    assert "s3cret" not in json.dumps(sensor)
    assert "s3cret" in json.dumps(updated(content)[0])


def test_the_time_to_stop_in_follows_the_sensors_deadline() -> None:
    once = injected(SINGLE, Wishes(IMAGE, WISHES.destinations, {"SENSOR_STOP_DEADLINE": "60"}))
    assert sensor_of(once)["stopTimeout"] == 65
    assert injected(once, Wishes()) == once
    longer, told = updated(once, Wishes(variables={"SENSOR_STOP_DEADLINE": "90"}))
    assert longer["stopTimeout"] == 95
    assert "warning: fargate-sensor: stopTimeout was 65, and is 95 now" in told


TEMPLATE = b"""Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: 256
      Memory: 512
      ContainerDefinitions:
        - Name: app
          HealthCheck:
            Command: [CMD, !Ref Probe]
        - Name: web
          HealthCheck:
            Command: [CMD, /web]
"""


def told_once(content: bytes, **said: str) -> list[dict[str, Any]]:
    """The variables of a sensor that was told this, after a second injection that says nothing of it."""
    first = injected(content, Wishes(IMAGE, WISHES.destinations, said, spool=False))
    (task,) = requests(injected(first, Wishes()))
    (sensor,) = [one for one in task["containerDefinitions"] if one["name"] == "fargate-sensor"]
    return [one for one in sensor["environment"] if one["name"] in said]


def test_a_health_check_that_only_the_user_knows_stays_told() -> None:
    (told,) = told_once(TEMPLATE, SENSOR_PROBE_COMMANDS='[["/mine"],["/web"]]')
    assert json.loads(told["value"]) == [["/web"], ["/mine"]]
    many = [[f"/{number}"] for number in range(64)]
    (told,) = told_once(TEMPLATE, SENSOR_PROBE_COMMANDS=json.dumps(many))
    assert json.loads(told["value"]) == [["/web"], *many[:63]]


@pytest.mark.parametrize("value", ['[["/bin/${Probe}"]]', "${Probes}"])
def test_a_health_check_that_is_filled_in_later_is_no_fault(value: str) -> None:
    assert len(told_once(TEMPLATE, SENSOR_PROBE_COMMANDS=value)) == 1


def with_check(content: bytes, *command: str) -> bytes:
    request = json.loads(content)
    request["containerDefinitions"][0]["healthCheck"] = {"command": list(command)}
    return json.dumps(request).encode()


def probes_of(content: bytes) -> list[list[str]]:
    found: list[list[str]] = json.loads(variables(content)["SENSOR_PROBE_COMMANDS"])
    return found


def test_probes_that_the_user_told_stay_beside_the_health_checks() -> None:
    mine = {"SENSOR_PROBE_COMMANDS": '[["/mine"]]'}
    once = injected(SINGLE, Wishes(IMAGE, WISHES.destinations, mine))
    assert probes_of(injected(once, Wishes(image="other/fargate-sensor:2"))) == [["/mine"]]
    checked = injected(with_check(once, "CMD", "/alive"), Wishes())
    assert probes_of(checked) == [["/alive"], ["/mine"]]
    assert injected(checked, Wishes()) == checked
    assert probes_of(injected(with_check(checked, "NONE"), Wishes())) == [["/alive"], ["/mine"]]


def test_probes_that_somebody_wrote_into_the_container_stay() -> None:
    once = injected(with_check(SINGLE, "CMD", "/alive"))
    by_hand = once.replace(b'[[\\"/alive\\"]]', b'[[\\"/alive\\"],[\\"/cron\\"]]')
    assert by_hand != once
    assert probes_of(injected(by_hand, Wishes())) == [["/alive"], ["/cron"]]


def test_probes_that_the_deployment_fills_in_stay() -> None:
    (told,) = told_once(TEMPLATE, SENSOR_PROBE_COMMANDS="${Probes}")
    assert told["value"] == "${Probes}"


def test_a_spool_of_the_users_own_stays() -> None:
    assert told_once(SINGLE, SENSOR_SPOOL_DIR="/efs/spool") == [{"name": "SENSOR_SPOOL_DIR", "value": "/efs/spool"}]
    assert told_once(SINGLE, SENSOR_SPOOL_DIR="/var/lib/fargate-sensor/spool") == []


@pytest.mark.parametrize(
    ("file", "patterns"),
    [
        ("described.json", {"awslogs-multiline-pattern"}),
        ("firelens.json", {"include-pattern", "exclude-pattern"}),
    ],
)
def test_the_log_goes_where_the_app_logs_without_its_patterns(file: str, patterns: set[str]) -> None:
    *_, app, sensor = json.loads(injected((FOLDER / file).read_bytes()))["containerDefinitions"]
    assert sensor["logConfiguration"]["options"] == {
        key: value for key, value in app["logConfiguration"]["options"].items() if key not in patterns
    }
    assert patterns < app["logConfiguration"]["options"].keys()


@pytest.mark.parametrize(
    ("driver", "options", "becomes", "buffer"),
    [
        ("awslogs", {"mode": "blocking"}, {"mode": "non-blocking", "max-buffer-size": "25m"}, "25m"),
        (
            "splunk",
            {"mode": "blocking", "max-buffer-size": "4m"},
            {"mode": "non-blocking", "max-buffer-size": "4m"},
            "4m",
        ),
        ("awslogs", {"awslogs-group": "g"}, {"awslogs-group": "g"}, None),
        ("awslogs", {"mode": "non-blocking"}, {"mode": "non-blocking"}, None),
        ("awsfirelens", {"mode": "blocking"}, {"mode": "blocking"}, None),
        ("awslogs", {"mode": {"Ref": "Mode"}}, {"mode": {"Ref": "Mode"}}, None),
    ],
)
def test_the_sensor_does_not_wait_for_its_log_as_an_app_may(
    driver: str, options: dict[str, Any], becomes: dict[str, Any], buffer: str | None
) -> None:
    log = {"logDriver": driver, "options": options}
    content = json.dumps({"containerDefinitions": [{"name": "app", "image": "a:1", "logConfiguration": log}]}).encode()
    document = read(content)
    told = [line.text for line in inject(document.definitions[0], WISHES) if "non-blocking" in line.text]
    app, sensor = json.loads(document.text())["containerDefinitions"]
    assert (app["logConfiguration"]["options"], sensor["logConfiguration"]["options"]) == (options, becomes)
    assert [f"with a buffer of {buffer}," in line for line in told] == ([True] if buffer else [])
    kept = sensor_of(injected(injected(content).replace(b'"non-blocking"', b'"blocking"')))
    assert kept["logConfiguration"]["options"].get("mode") != "non-blocking"


def test_the_log_of_a_container_that_is_essential_is_taken_before_others() -> None:
    containers = [
        {"name": name, "image": "a:1", "essential": essential, "logConfiguration": {"logDriver": driver}}
        for name, essential, driver in (("a", False, "splunk"), ("b", "false", "splunk"), ("c", True, "awslogs"))
    ]
    content = json.dumps({"family": "t", "containerDefinitions": containers}).encode()
    assert sensor_of(injected(content))["logConfiguration"] == {"logDriver": "awslogs"}


def test_the_tags_of_a_described_definition_come_along() -> None:
    described = {"taskDefinition": json.loads(SINGLE), "tags": [{"key": "team", "value": "shop"}]}
    assert json.loads(injected(json.dumps(described).encode()))["tags"] == described["tags"]


@pytest.mark.parametrize("entry", ["Value: !Ref IngestUrl", "Value: {Ref: IngestUrl}", 'Value: "${IngestUrl}"'])
def test_where_events_go_may_be_said_by_the_template(entry: str) -> None:
    once = injected(TEMPLATE).replace(b"Value: https://ingest.example.org", entry.encode())
    assert entry.encode() in once
    (definition,) = read(once).definitions
    assert missing(definition, Wishes(image="other/fargate-sensor:2")) is None
    assert entry.encode() in injected(once, Wishes(image="other/fargate-sensor:2"))


def test_what_is_said_anew_replaces_what_the_template_computes() -> None:
    def computed(value: bytes) -> bytes:
        once = injected(TEMPLATE, Wishes(IMAGE, WISHES.destinations, {"SENSOR_DAILY_MB": "20"}))
        return once.replace(b"Value: " + value, b"Value: !Ref Given")

    elsewhere = Wishes(destinations=(ingest("https://other.example.org"),))
    anew = injected(computed(b"https://ingest.example.org"), elsewhere)
    assert (anew.count(b"!Ref Given"), anew.count(b"https://other.example.org")) == (0, 1)
    budget = computed(b'"20"')
    assert b"!Ref Given" in injected(budget, elsewhere)
    assert b"!Ref Given" not in injected(budget, Wishes(variables={"SENSOR_DAILY_MB": "30"}))


URL = {"name": "SENSOR_INGEST_URL", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/url"}
OTHER = {"name": "SENSOR_DAILY_MB", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/mb"}


def test_where_events_go_may_be_what_ecs_fetches_and_no_name_is_there_twice() -> None:
    content = changed(environment=[], secrets=[URL, OTHER])
    (definition,) = read(content).definitions
    assert missing(definition, Wishes()) is None
    assert updated(content, Wishes())[0]["secrets"] == [URL, OTHER]
    anew, _ = updated(content, Wishes(destinations=(parse("kinesis:security"),)))
    assert anew["secrets"] == [OTHER]
    assert "secrets" not in updated(changed(secrets=[OTHER]), Wishes(variables={"SENSOR_DAILY_MB": "20"}))[0]


def test_a_time_to_stop_in_that_ecs_fetches_stays_fetched() -> None:
    deadline = URL | {"name": "SENSOR_STOP_DEADLINE"}
    sensor, _ = updated(changed(secrets=[deadline]), Wishes())
    assert sensor["secrets"] == [deadline]
    assert "SENSOR_STOP_DEADLINE" not in [one["name"] for one in sensor["environment"]]


def test_where_events_go_may_stand_in_a_file() -> None:
    file = {"type": "s3", "value": "arn:aws:s3:::settings/sensor.env"}
    (definition,) = read(changed(environment=[], environmentFiles=[file])).definitions
    assert missing(definition, Wishes()) is None
    (definition,) = read(changed(environment=[])).definitions
    assert missing(definition, Wishes()) == "--ingest-url or --destination"


def test_a_record_that_somebody_broke_is_no_record() -> None:
    for broken in ("", "{", "[]", '{"was": 1}', 7, None):
        content = changed(dockerLabels={"fargate-sensor.before-injection": broken})
        assert "pidMode" in json.loads(removed(content))
        assert "fargate-sensor" not in [one["name"] for one in json.loads(removed(content))["containerDefinitions"]]
