"""The examples in task-definitions/: an app and its policies, with what `fargate-sensor inject` makes of the app."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.ecs.document import read
from deploy.ecs.inject import inject
from deploy.ecs.wishes import Wishes
from deploy.sidecar import ecs
from deploy.sidecar.destinations import PERMISSIONS, Destination, ingest, parse
from deploy.sidecar.specification import NAME, SPOOL_DIR, VOLUME, Sidecar
from sensor import __version__

FOLDER = Path(__file__).parent.parent / "task-definitions"
ACCOUNT, REGION = "123456789012", "eu-central-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE = f"{REGISTRY}/{NAME}:{__version__}"
INGEST_IMAGE = f"{REGISTRY}/{NAME}-ingest:{__version__}"
INGEST = ingest("https://ingest.example.org")
STREAM = parse("kinesis:fargate-sensor")
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:fargate-sensor-read-token"
DATA = "/var/lib/fargate-sensor"
"""The volume of the ingest's image, which belongs to its user; a volume anywhere else would belong to root."""

Json = dict[str, Any]


def role(name: str) -> str:
    """The ARN of a role of the examples."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def logs(group: str) -> Json:
    """A container's log in CloudWatch."""
    options = {"awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}
    return {"logDriver": "awslogs", "options": options}


def task(family: str, *containers: Json, cpu: str = "512", memory: str = "1024", **fields: Any) -> Json:
    """A task definition for Fargate, without the sensor."""
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": cpu,
        "memory": memory,
        **fields,
        "executionRoleArn": role(f"{family}-execution"),
        "containerDefinitions": list(containers),
    }


def app(**fields: Any) -> Json:
    """The app that is watched."""
    return {"name": "app", "image": f"{REGISTRY}/my-service:1", "essential": True, **fields}


def with_sensor(definition: Json, *destinations: Destination, **wishes: Any) -> str:
    """What `fargate-sensor inject ecs` writes."""
    document = read(written(definition).encode())
    inject(document.definitions[0], Wishes(image=IMAGE, destinations=destinations, **wishes))
    return document.text()


def written(value: Any) -> str:
    """JSON as the AWS command line writes it."""
    return json.dumps(value, indent=2) + "\n"


def http_ingest() -> str:
    """Events go to the central endpoint; the task logs in with its role."""
    definition = task("my-service", app(logConfiguration=logs("/ecs/my-service")), taskRoleArn=role("my-service"))
    return with_sensor(definition, INGEST)


def kinesis() -> str:
    """Events go to a Kinesis data stream."""
    definition = task("my-service", app(logConfiguration=logs("/ecs/my-service")), taskRoleArn=role("my-service"))
    return with_sensor(definition, STREAM)


def firelens_stdout() -> str:
    """Detections and what the sensor says of itself go where FireLens takes the logs."""
    router = {
        "name": "log_router",
        "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable",
        "essential": True,
        "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        "logConfiguration": logs("/ecs/my-service"),
    }
    options = {"Name": "kinesis_firehose", "region": REGION, "delivery_stream": "logs"}
    routed = app(logConfiguration={"logDriver": "awsfirelens", "options": options})
    return with_sensor(task("my-service", router, routed, taskRoleArn=role("my-service")), parse("stdout"))


def minimal() -> str:
    """The smallest task that there is; events wait in memory only."""
    definition = task("my-service", app(logConfiguration=logs("/ecs/my-service")), cpu="256", memory="512")
    return with_sensor(definition, parse("stdout"), spool=False)


def doctor() -> str:
    """A task that is run once, and tells in its log what the sensor can see in this account's Fargate."""
    looks = ecs.container(Sidecar(IMAGE, {"SENSOR_DESTINATIONS": "stdout"}, spool=False, command=("doctor",)))
    for field in ("restartPolicy", "healthCheck"):
        del looks[field]
    neighbour = {
        "name": "neighbour",
        "image": IMAGE,
        "essential": False,
        "entryPoint": ["sleep"],
        "command": ["600"],
        "user": "1000",
        "logConfiguration": logs("/ecs/fargate-sensor-doctor"),
    }
    looks |= {
        "essential": True,
        "dependsOn": [{"containerName": "neighbour", "condition": "START"}],
        "logConfiguration": logs("/ecs/fargate-sensor-doctor"),
    }
    return written(task("fargate-sensor-doctor", neighbour, looks, cpu="256", memory="512", pidMode="task"))


def central() -> str:
    """The central endpoint with its console, to be run as a service of one task behind a load balancer with TLS."""
    probe = "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"
    settings = {
        "INGEST_HOSTS": "ingest.example.org",
        "INGEST_AWS_ACCOUNTS": ACCOUNT,
        "INGEST_RETENTION_BYTES": "15GiB",
        "TMPDIR": DATA,
    }
    endpoint = {
        "name": "ingest",
        "image": INGEST_IMAGE,
        "essential": True,
        "readonlyRootFilesystem": True,
        "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
        "environment": [{"name": name, "value": value} for name, value in settings.items()],
        "secrets": [{"name": "INGEST_READ_TOKEN", "valueFrom": SECRET}],
        "mountPoints": [{"sourceVolume": "data", "containerPath": DATA}],
        "stopTimeout": 60,
        "healthCheck": {"command": ["CMD", "python3", "-c", probe], "interval": 10, "timeout": 5, "startPeriod": 10},
        "logConfiguration": logs("/ecs/fargate-sensor-ingest"),
    }
    fields = {"ephemeralStorage": {"sizeInGiB": 30}, "volumes": [{"name": "data"}]}
    return written(task("fargate-sensor-ingest", endpoint, cpu="1024", memory="2048", **fields))


def policy(*statements: Json) -> Callable[[], str]:
    """An IAM policy that allows these."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    return lambda: written(document)


def repository(name: str) -> str:
    """The ARN of a repository in ECR."""
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"


def execution(group: str, *repositories: str, more: tuple[Json, ...] = ()) -> Callable[[], str]:
    """What the execution role needs: to fetch the images and to write the log."""
    layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return policy(
        {"Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Action": layers, "Resource": [repository(name) for name in repositories]},
        {
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*",
        },
        *more,
    )


def cloudformation() -> str:
    """The template in cloudformation-app.yaml with the sensor."""
    document = read((FOLDER / "cloudformation-app.yaml").read_bytes())
    inject(document.definitions[0], Wishes(image=IMAGE, destinations=(INGEST,)))
    return document.text()


def terraform() -> str:
    """What the Terraform module puts into a task."""
    sensor = ecs.container(Sidecar("", {}, spool=False))
    return written(
        {
            "container": sensor,
            "volume": VOLUME,
            "spool_dir": SPOOL_DIR,
            "mount": ecs.mount(),
        }
    )


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    ],
}
AWS = f"arn:aws:{{}}:{REGION}:{ACCOUNT}"
READ_SECRET = ({"Action": "secretsmanager:GetSecretValue", "Resource": f"{SECRET}-*"},)

DOCUMENTS: dict[str, Callable[[], str]] = {
    "http-ingest.json": http_ingest,
    "kinesis.json": kinesis,
    "kinesis.task-policy.json": policy(
        {"Action": PERMISSIONS["kinesis"], "Resource": f"{AWS.format('kinesis')}:stream/fargate-sensor"}
    ),
    "firelens-stdout.json": firelens_stdout,
    "firelens-stdout.task-policy.json": policy(
        {"Action": PERMISSIONS["firehose"], "Resource": f"{AWS.format('firehose')}:deliverystream/logs"}
    ),
    "minimal.json": minimal,
    "doctor.json": doctor,
    "doctor.execution-policy.json": execution("/ecs/fargate-sensor-doctor", NAME),
    "ingest.json": central,
    "ingest.execution-policy.json": execution("/ecs/fargate-sensor-ingest", f"{NAME}-ingest", more=READ_SECRET),
    "execution-policy.json": execution("/ecs/my-service", "my-service", NAME),
    "trust-policy.json": lambda: written(TRUST),
    "cloudformation.yaml": cloudformation,
    "terraform/sensor.json": terraform,
}
