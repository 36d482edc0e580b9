"""What a release is called where the chart and the documents look for it."""

import json
import os
import subprocess

import yaml
from document_shell import PROJECT

from sensor import __version__

WORKFLOW = yaml.safe_load((PROJECT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
JOB = WORKFLOW["jobs"]["images"]


def steps() -> dict[str, dict]:
    return {step["id"]: step for step in JOB["steps"] if "id" in step}


def test_images_have_the_tags_that_task_definitions_and_chart_name(tmp_path):
    output = tmp_path / "output"
    version = WORKFLOW["env"]["VERSION"].replace("${{ github.ref_name }}", f"v{__version__}")
    environ = os.environ | {"VERSION": version, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-ec", steps()["version"]["run"]], env=environ, check=True, timeout=10)
    number = dict(line.split("=", 1) for line in output.read_text().splitlines())["number"]
    tags = [
        steps()["build"]["with"]["tags"]
        .replace("${{ vars.REGISTRY }}/", "")
        .replace("${{ matrix.image }}", each["image"])
        .replace("${{ steps.version.outputs.number }}", number)
        for each in JOB["strategy"]["matrix"]["include"]
    ]
    examples = [PROJECT / "task-definitions" / name for name in ("http-ingest.json", "ingest.json")]
    images = [json.loads(each.read_text())["containerDefinitions"][-1]["image"] for each in examples]
    assert tags == [image.rpartition("/")[2] for image in images]
    chart = yaml.safe_load((PROJECT / "helm" / "fargate-sensor" / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == number
