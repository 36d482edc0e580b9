"""A service in Terraform's plan or state is judged with its cluster: exec sessions that nobody keeps are found."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.checks.catalog import catalog
from deploy.checks.engine import run

KEPT = [{"logging": "OVERRIDE", "log_configuration": [{"cloud_watch_log_group_name": "/ecs/exec"}]}]
LOST = [{"logging": "NONE"}]


def judged(tmp_path: Path, content: dict[str, Any]) -> tuple[set[str], int]:
    """The ids of what was found of services, and for how many questions the document was not enough."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(content))
    result = run(catalog(), [file])
    assert result.problems == []
    return {one.check.id for one in result.findings if one.check.id == "exec-without-logging"}, result.undecided


def resource(kind: str, address: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "address": address, "values": values}


def cluster(address: str, logging: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    configuration = [{"execute_command_configuration": logging}]
    return resource("aws_ecs_cluster", address, {"name": "main", "configuration": configuration, **values})


def service(address: str, **values: Any) -> dict[str, Any]:
    return resource("aws_ecs_service", address, {"name": "web", "enable_execute_command": True, **values})


def plan(*resources: dict[str, Any], cluster_is: Any, module: str = "") -> dict[str, Any]:
    """A plan whose service takes its cluster from that expression, in the root or in a module of this name."""
    code = {"resources": [{"address": "aws_ecs_service.web", "expressions": {"cluster": cluster_is}}]}
    planned = {"resources": list(resources)}
    if module:
        code = {"module_calls": {module: {"module": code}}}
        planned = {"child_modules": [planned]}
    return {
        "planned_values": {"root_module": planned},
        "configuration": {"root_module": code},
        "resource_changes": [
            {"address": one["address"], "change": {"after_unknown": {"cluster": True}}}
            for one in resources
            if one["type"] == "aws_ecs_service"
        ],
    }


MAIN = {"references": ["aws_ecs_cluster.main.id", "aws_ecs_cluster.main"]}


@pytest.mark.parametrize(("logging", "found"), [(LOST, {"exec-without-logging"}), (KEPT, set())])
@pytest.mark.parametrize(("module", "prefix"), [("", ""), ("shop", "module.shop."), ("shop", 'module.shop["eu"].')])
def test_by_the_reference_in_a_plan(
    tmp_path: Path, logging: list[dict[str, Any]], found: set[str], module: str, prefix: str
) -> None:
    content = plan(
        cluster(f"{prefix}aws_ecs_cluster.other", KEPT if found else LOST),
        cluster(f"{prefix}aws_ecs_cluster.main[0]", logging),
        service(f'{prefix}aws_ecs_service.web["a"]'),
        cluster_is=MAIN,
        module=module,
    )
    assert judged(tmp_path, content) == (found, 0)


@pytest.mark.parametrize("key", ["arn", "id", "name"])
def test_by_what_a_state_says_of_it(tmp_path: Path, key: str) -> None:
    values = [
        cluster("aws_ecs_cluster.other", KEPT, arn="o", id="o", name="o"),
        cluster("aws_ecs_cluster.main", LOST, **{key: "this one"}),
        service("aws_ecs_service.web", cluster="this one"),
    ]
    state = {"terraform_version": "1.9.0", "values": {"root_module": {"resources": values}}}
    assert judged(tmp_path, state) == ({"exec-without-logging"}, 0)


@pytest.mark.parametrize("cluster_is", [{"references": ["var.cluster"]}, {}, None, 7, {"references": 7}, [MAIN]])
def test_a_cluster_from_elsewhere_leaves_it_open(tmp_path: Path, cluster_is: Any) -> None:
    content = plan(cluster("aws_ecs_cluster.main", LOST), service("aws_ecs_service.web"), cluster_is=cluster_is)
    assert judged(tmp_path, content) == (set(), 1)


def test_a_cluster_that_is_only_looked_up_leaves_it_open(tmp_path: Path) -> None:
    """A data source does not say how sessions are logged."""
    looked_up = {**cluster("data.aws_ecs_cluster.main", [], arn="this one"), "mode": "data"}
    containers = json.dumps([{"name": "app", "image": "a/b:1.0.0"}])
    values = [
        looked_up,
        resource(
            "aws_ecs_task_definition", "aws_ecs_task_definition.web", {"arn": "t", "container_definitions": containers}
        ),
        service("aws_ecs_service.web", cluster="this one", task_definition="t"),
    ]
    state = {"terraform_version": "1.9.0", "values": {"root_module": {"resources": values}}}
    assert judged(tmp_path, state) == (set(), 1)


@pytest.mark.parametrize("configuration", [7, {"root_module": 7}, {"root_module": {"module_calls": {"a": 7}}}, None])
def test_a_configuration_of_another_shape_is_passed_over(tmp_path: Path, configuration: Any) -> None:
    content = plan(service("aws_ecs_service.web"), cluster_is=MAIN) | {"configuration": configuration}
    assert judged(tmp_path, content) == (set(), 1)


def test_sessions_that_go_where_no_container_logs(tmp_path: Path) -> None:
    containers = json.dumps([{"name": "app", "image": "a/b:1.0.0"}])
    content = plan(
        resource("aws_ecs_cluster", "aws_ecs_cluster.main", {"name": "main"}),
        resource("aws_ecs_task_definition", "aws_ecs_task_definition.web", {"container_definitions": containers}),
        service("aws_ecs_service.web"),
        cluster_is=MAIN,
    )
    code = content["configuration"]["root_module"]["resources"][0]["expressions"]
    code["task_definition"] = {"references": ["aws_ecs_task_definition.web.arn", "aws_ecs_task_definition.web"]}
    assert judged(tmp_path, content)[0] == {"exec-without-logging"}


EXEC = {"cloud_watch_log_group_name": None, "s3_key_prefix": "exec"}


@pytest.mark.parametrize(
    ("log", "after", "found", "open_questions"),
    [
        ([EXEC], {"log_configuration": [{"s3_bucket_name": True}]}, set(), 0),
        (None, {"log_configuration": [{"s3_bucket_name": True}]}, set(), 0),
        ([], {"log_configuration": [{"s3_bucket_name": True}]}, set(), 0),
        ([EXEC], {"log_configuration": [{}]}, {"exec-without-logging"}, 0),
        ([EXEC], {"log_configuration": [{"s3_bucket_name": False}]}, {"exec-without-logging"}, 0),
        ([EXEC], {}, {"exec-without-logging"}, 0),
        ([EXEC], {"log_configuration": [True]}, set(), 1),
        ([EXEC], {"log_configuration": True}, set(), 1),
        ([EXEC], {"logging": True}, set(), 1),
    ],
)
def test_what_is_known_after_apply_within_a_block(
    tmp_path: Path, log: Any, after: dict[str, Any], found: set[str], open_questions: int
) -> None:
    configured = {"logging": None if "logging" in after else "OVERRIDE", "log_configuration": log}
    main = cluster("aws_ecs_cluster.main", [configured])
    content = plan(main, service("aws_ecs_service.web"), cluster_is=MAIN)
    unknown = {"configuration": [{"execute_command_configuration": [after]}]}
    content["resource_changes"].append({"address": main["address"], "change": {"after_unknown": unknown}})
    assert judged(tmp_path, content) == (found, open_questions)


def test_what_is_unknown_may_be_nested_as_deep_as_json(tmp_path: Path) -> None:
    levels = 600
    text = json.dumps(plan(cluster("aws_ecs_cluster.main", LOST), service("aws_ecs_service.web"), cluster_is=MAIN))
    deep = '{"tags": ' * levels + "{}" + "}" * levels
    (tmp_path / "plan.json").write_text(text.replace('"cluster": true', f'"cluster": true, "tags": {deep}'))
    result = run(catalog(), [tmp_path / "plan.json"])
    assert not result.problems
    assert "exec-without-logging" in {finding.check.id for finding in result.findings}
