"""What injection writes can be registered: moto's ECS takes every definition, and describes it as it is."""

import pytest
from task_definitions import FILES, requests, with_sensor


@pytest.fixture(scope="module")
def ecs(aws):
    """A client of the stand-in's ECS."""
    return aws.client("ecs")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_can_be_registered_and_reads_the_same(file, ecs):
    for request in requests(with_sensor(file)):
        ecs.register_task_definition(**request)
        described = ecs.describe_task_definition(taskDefinition=request["family"])["taskDefinition"]
        sensor = next(one for one in described["containerDefinitions"] if one["name"] == "fargate-sensor")
        wanted = next(one for one in request["containerDefinitions"] if one["name"] == "fargate-sensor")
        assert {key: sensor[key] for key in wanted} == wanted
        assert described.get("pidMode") == request.get("pidMode")
