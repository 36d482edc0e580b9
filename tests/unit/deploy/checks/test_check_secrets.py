"""Which variables give a secret away, and which only look like it."""

from pathlib import Path

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import Result, run
from deploy.checks.secret_values import reveals

RANDOM = "q7ZfK2mXw9RtB4cVnL8sYhD3gJpA6eUo"
IN_FORM = "has a value in the form of a secret"
CONTAINER = """
Parameters:
  Names: {Type: CommaDelimitedList}
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: app
          Environment:
"""


@pytest.mark.parametrize(
    "value",
    [
        "postgres://admin:hunter2hunter2@${Db.Endpoint.Address}:5432/app",
        "postgres://${User}:hunter2hunter2@db:5432/app",
        "${Scheme}://admin:hunter2hunter2@db",
        "postgres://admin:hunter2hunter2@${Db.Endpoint",
        "host=${Db.Endpoint.Address} password=hunter2hunter2",
        "https://${Host}/a?sig=${Key}hunter2hunter2",
        "${?},password=hunter2hunter2,ssl=true",
        "Authorization: Basic YWRtaW46aHVudGVyMmh1bnRlcjI= ${AWS::Region}",
    ],
)
def test_a_secret_is_found_beside_what_only_the_deployment_knows(value: str) -> None:
    assert reveals("URL", value) == IN_FORM


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "postgres://admin:${Db.Password}@db:5432/app"),
        ("URL", "postgres://${User}:${Stage}-${Password}@${Host}/${Name}"),
        ("URL", "redis:6379,password=${Password},ssl=true"),
        ("URL", '{"password": "${Password}"}'),
        ("URL", "Authorization: Bearer ${Token}"),
        ("URL", "https://${Host}/a/b?c=${D}"),
        ("URL", "https://hook.example.org/a?sig=${Signature}"),
        ("DB_PASSWORD", "${Stage}-of-${AWS::StackName}"),
        ("DB_PASSWORD", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/db-AbCdEf"),
        ("ID", f"${{Stage}}{RANDOM}"),
        ("PLACE", f"/{RANDOM}"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "1"),
        ("REVISION", "0123456789abcdef" * 4),
    ],
)
def test_a_hole_a_reference_and_a_switch_are_no_secret(name: str, value: str) -> None:
    assert reveals(name, value) is None


def test_what_is_as_random_as_a_key_is_taken_for_one() -> None:
    assert reveals("ID", RANDOM) == "has a value as random as a key"


def checked(tmp_path: Path, *variables: str) -> Result:
    """Whether secrets are in these entries of a container's environment."""
    (tmp_path / "t.yaml").write_text(CONTAINER + "".join(f"            - {one}\n" for one in variables))
    only = [check for check in catalog() if check.id == "secret-in-environment"]
    return run(only, [tmp_path / "t.yaml"])


PASSWORD = "{Name: DB_PASSWORD, Value: hunter2hunter2}"


@pytest.mark.parametrize(
    "variable",
    [
        '{Name: URL, Value: !Sub "postgres://admin:hunter2hunter2@${Db.Endpoint.Address}/app"}',
        '{Name: URL, Value: !Join ["", ["postgres://admin:hunter2hunter2@", !GetAtt Db.Endpoint.Address, "/app"]]}',
        PASSWORD,
    ],
)
def test_an_entry_that_is_unknown_leaves_the_others_to_be_judged(tmp_path: Path, variable: str) -> None:
    unknown = "!If [Prod, {Name: MODE, Value: prod}, !Ref AWS::NoValue]"
    result = checked(tmp_path, unknown, variable, "{Name: LEVEL, Value: !Ref Level}")
    assert len(result.findings) == 1
    assert not result.problems


def test_an_environment_that_is_unknown_is_an_open_question(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(f"{CONTAINER.rstrip()} !Ref Names\n")
    result = run([check for check in catalog() if check.id == "secret-in-environment"], [tmp_path / "t.yaml"])
    assert (len(result.findings), result.undecided) == (0, 1)


def test_cloudformation_takes_a_switch_for_text_and_the_api_does_not(tmp_path: Path) -> None:
    result = checked(tmp_path, "{Name: DEBUG, Value: true}", "{Name: COUNT, Value: 3}", PASSWORD)
    assert len(result.findings) == 1
    assert not result.problems
    pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, env: [{name: DEBUG, value: true}]}]}\n"
    (tmp_path / "pod.yaml").write_text(pod)
    (problem,) = run([], [tmp_path / "pod.yaml"]).problems
    assert problem.text == "spec.containers.env.value must be text"
