"""Which platform the sensor runs on, by what the platform itself puts into the environment."""

from collections.abc import Mapping

from sensor.model.protocols import HOST

ECS = "ecs"
"""An ECS task whose launch type is not known, or not known yet."""
ECS_FARGATE = "ecs-fargate"
EKS_FARGATE = "eks-fargate"
KUBERNETES = "kubernetes"
DOCKER = "docker"
PLAIN_HOST = "host"

METADATA_URI = "ECS_CONTAINER_METADATA_URI_V4"

_EXECUTION_ENVIRONMENTS = {"AWS_ECS_FARGATE": ECS_FARGATE, "AWS_ECS_EC2": "ecs-ec2"}
_LAUNCH_TYPES = {
    "FARGATE": ECS_FARGATE,
    "EC2": "ecs-ec2",
    "EXTERNAL": "ecs-external",
    "MANAGED_INSTANCES": "ecs-managed-instances",
}


def detect(environ: Mapping[str, str], own_container: str, node_name: str | None = None) -> str:
    """The platform as far as it can be told without a question to anybody.

    `own_container` is `TaskView.own_container`; `node_name` comes from the pod's downward API.
    """
    if environ.get(METADATA_URI):
        return _EXECUTION_ENVIRONMENTS.get(environ.get("AWS_EXECUTION_ENV", ""), ECS)
    if environ.get("KUBERNETES_SERVICE_HOST") or node_name:
        return EKS_FARGATE if (node_name or "").startswith("fargate-") else KUBERNETES
    return PLAIN_HOST if own_container == HOST else DOCKER


def of_launch_type(launch_type: str | None, before: str = ECS) -> str:
    """The platform by `LaunchType` in the task's metadata; `before` where that says nothing known."""
    return _LAUNCH_TYPES.get(launch_type or "", before)
