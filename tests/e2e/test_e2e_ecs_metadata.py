"""Names from an ECS task metadata endpoint that comes late, as it may on Fargate."""

import json

from docker_cli import BASE
from ecs_task import ARN, ENDPOINT, PATH, PORT, TASK_ID

APP = "import subprocess\nwhile True: subprocess.run(['sleep', '0.5'])"


def test_containers_and_task_get_their_names_once_the_endpoint_answers(lab, ingest):
    endpoint = lab.new("metadata", BASE, [f"--network={lab.network}"], ["python3", "-c", ENDPOINT]).start()
    address = f"http://{endpoint.name}:{PORT}{PATH}"
    task = lab.task(
        {"ECS_CONTAINER_METADATA_URI_V4": address, "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "SENSOR_FOLD": "off"}
    )
    task.wait_healthy()
    app = task.app(APP)
    ingest.wait_for("process.exec", lambda event: event["container"] == {"id": app.id})

    answer = {
        "Cluster": "arn:aws:ecs:eu-central-1:123456789012:cluster/shop",
        "TaskARN": ARN,
        "Family": "web",
        "Revision": "7",
        "LaunchType": "FARGATE",
        "Containers": [{"DockerId": app.id, "Name": "app", "Image": "shop/web:7", "ImageID": "sha256:07"}],
    }
    endpoint.execute(
        "python3", "-c", f"import pathlib; pathlib.Path('/tmp/task.json').write_text({json.dumps(answer)!r})"
    )

    named = ingest.wait_for("process.exec", lambda event: event["container"].get("name") == "app", deadline=30)
    assert named["container"] == {"id": app.id, "name": "app", "image": "shop/web:7", "image_id": "sha256:07"}
    assert named["task"]["arn"] == ARN
    assert named["task"]["platform"] == "ecs-fargate"
    assert named["task_id"] == TASK_ID
