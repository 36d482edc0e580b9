"""Settings of a sensor's container with which it would park, and watch nobody."""

from pathlib import Path

import pytest
from test_check_files import told

from deploy.checks.catalog import catalog
from deploy.checks.engine import run


@pytest.mark.parametrize(
    ("name", "value", "texts"),
    [
        ("SENSOR_CPUS", "s3cret", ["SENSOR_CPUS: should be a valid number, unable to parse string as a number"]),
        ("SENSOR_NOPE", "${s3cret}", ["SENSOR_NOPE: no such setting; see docs/configuration.md"]),
        ("SENSOR_CPUS", "${cpus}", []),
        ("SENSOR_CPUS", "", []),
        ("sensor_note", "s3cret", []),
    ],
)
def test_a_sensor_that_would_park_is_told_without_values(
    tmp_path: Path, name: str, value: str, texts: list[str]
) -> None:
    assert (
        told(
            tmp_path,
            "sensor-parked",
            lambda task, app, sensor: sensor["environment"].append({"name": name, "value": value}),
        )
        == texts
    )


KINESIS = {"name": "SENSOR_DESTINATIONS", "value": "stdout,kinesis"}
STREAM = "SENSOR_KINESIS_STREAM"
LACKS = ["SENSOR_KINESIS_STREAM is not set, and a destination in SENSOR_DESTINATIONS needs it"]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"environment": [KINESIS]}, LACKS),
        ({"environment": [KINESIS, {"name": STREAM, "value": ""}]}, LACKS),
        ({"environment": [KINESIS, {"name": STREAM, "value": "security"}]}, []),
        ({"environment": [KINESIS, {"name": STREAM, "value": "${stream}"}]}, []),
        ({"environment": [KINESIS], "secrets": [{"name": STREAM, "valueFrom": "arn:aws:ssm:x:1:parameter/s"}]}, []),
        ({"environment": [KINESIS], "secrets": [{"name": "OTHER", "valueFrom": "arn:aws:ssm:x:1:parameter/s"}]}, LACKS),
        ({"environment": [KINESIS], "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/f.env"}]}, []),
        ({"environment": []}, []),
    ],
)
def test_a_destination_without_its_name_is_told(tmp_path: Path, fields: dict, texts: list[str]) -> None:
    assert told(tmp_path, "sensor-parked", lambda task, app, sensor: sensor.update(fields)) == texts


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        ("{Name: OTHER, Value: !Ref Stream}", 1),
        ("{Name: SENSOR_KINESIS_STREAM, Value: !Ref Stream}", 0),
        ("!If [Ours, {Name: SENSOR_KINESIS_STREAM, Value: s}, !Ref AWS::NoValue]", 0),
    ],
)
def test_a_destination_that_a_template_may_name_is_left_open(tmp_path: Path, entry: str, count: int) -> None:
    (tmp_path / "t.yaml").write_text(
        "Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n"
        "        - Name: fargate-sensor\n          Image: fargate-sensor:1\n          Environment:\n"
        f"            - {{Name: SENSOR_DESTINATIONS, Value: kinesis}}\n            - {entry}\n"
    )
    found = run(catalog(), [tmp_path / "t.yaml"]).findings
    assert [one.flaw.text for one in found if one.check.id == "sensor-parked"] == LACKS * count


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ("env: [{name: SENSOR_DESTINATIONS, value: s3}]", 1),
        ("env: [{name: SENSOR_DESTINATIONS, value: s3}, {name: SENSOR_S3_BUCKET, valueFrom: {fieldRef: {}}}]", 0),
        ("env: [{name: SENSOR_DESTINATIONS, value: s3}]\n      envFrom: [{configMapRef: {name: settings}}]", 0),
    ],
)
def test_the_same_in_a_pod(tmp_path: Path, more: str, count: int) -> None:
    (tmp_path / "p.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
        f"    - name: fargate-sensor\n      image: fargate-sensor:1\n      {more}\n"
    )
    found = run(catalog(), [tmp_path / "p.yaml"]).findings
    assert [one.flaw.key for one in found if one.check.id == "sensor-parked"] == ["SENSOR_S3_BUCKET"] * count


def test_the_variables_of_others_are_not_the_sensors(tmp_path: Path) -> None:
    other = {"name": "SENSOR_NOPE", "value": "x"}

    assert told(tmp_path, "sensor-parked", lambda task, app, sensor: app.update(environment=[other])) == []
