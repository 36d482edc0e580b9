import pytest

from sensor.containers.platform import detect, of_launch_type
from sensor.model.protocols import HOST

URI = {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/34dc0b5e626f2c5c4c5170e34b10e765-1234567890"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.100.0.1"}


@pytest.mark.parametrize(
    ("environ", "own", "node", "expected"),
    [
        (URI | {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}, "root-0:41", None, "ecs-fargate"),
        (URI | {"AWS_EXECUTION_ENV": "AWS_ECS_EC2"}, "a" * 64, None, "ecs-ec2"),
        (URI, "a" * 64, None, "ecs"),
        (KUBERNETES, "a" * 64, "fargate-ip-192-0-2-7.eu-central-1.compute.internal", "eks-fargate"),
        (KUBERNETES, "a" * 64, "ip-192-0-2-7", "kubernetes"),
        (KUBERNETES, "a" * 64, None, "kubernetes"),
        ({}, "a" * 64, "node-1", "kubernetes"),
        ({}, "89a1a09bcf53", None, "docker"),
        ({}, "root-0:41", None, "docker"),
        ({"ECS_CONTAINER_METADATA_URI_V4": ""}, HOST, None, "host"),
    ],
)
def test_the_platform_is_what_its_environment_says(
    environ: dict[str, str], own: str, node: str | None, expected: str
) -> None:
    assert detect(environ, own, node) == expected


@pytest.mark.parametrize(
    ("launch_type", "expected"),
    [("FARGATE", "ecs-fargate"), ("EC2", "ecs-ec2"), ("EXTERNAL", "ecs-external"), ("\x1b[2J", "ecs"), (None, "ecs")],
)
def test_the_launch_type_is_taken_only_if_it_is_known(launch_type: str | None, expected: str) -> None:
    assert of_launch_type(launch_type) == expected


def test_an_unknown_launch_type_leaves_what_was_known() -> None:
    assert of_launch_type("SOMETHING", before="ecs-fargate") == "ecs-fargate"
