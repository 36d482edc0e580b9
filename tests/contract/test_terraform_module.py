"""The Terraform module makes of container definitions what `fargate-sensor inject` makes of them."""

import json
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from task_definitions import FILES, IMAGE, WISHES, injected, removed, requests

from deploy.ecs.wishes import Wishes
from deploy.sidecar.variables import SECRETS

MODULE = Path(__file__).parents[2] / "task-definitions" / "terraform"
LABELS = "dockerLabels"
"""inject's record for --remove; a module is taken out by taking it out."""

ROOT = """
module "injected" {
  for_each              = jsondecode(file("given.json"))
  source                = "./module"
  container_definitions = each.value
  image                 = "IMAGE"
  environment           = { SENSOR_INGEST_URL = "https://ingest.example.org" }
}
module "plain" {
  source                = "./module"
  container_definitions = file("app.json")
  image                 = "IMAGE"
  environment           = jsondecode(file("said.json"))
  depends_on_sensor     = false
  spool                 = false
}
output "injected" {
  value = { for name, one in module.injected : name => jsondecode(one.container_definitions) }
}
output "plain" {
  value = [jsondecode(module.plain.container_definitions), module.plain.volumes, module.plain.pid_mode]
}
"""

APP = [{"name": "app", "image": "app:1", "healthCheck": {"command": ["CMD", "/up"]}}]
SAID = {"SENSOR_DESTINATIONS": "stdout", "SENSOR_STOP_DEADLINE": "60.5", "SENSOR_PROBE_COMMANDS": '[["/up"],["/cron"]]'}


@pytest.fixture(scope="module")
def terraform(need, tmp_path_factory):
    """A function that runs terraform in a folder with a copy of the module; nothing is fetched."""
    program = shutil.which("terraform") or shutil.which("tofu")
    need(program is not None, "the terraform or the tofu program")
    folder = tmp_path_factory.mktemp("terraform")
    shutil.copytree(MODULE, folder / "module")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, f"-chdir={folder}", *argv],
            env=environ | {"CHECKPOINT_DISABLE": "1", "HOME": str(folder), "TF_CLI_ARGS": "-no-color"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    run.folder = folder
    return run


def chain():
    """As many containers as a task may have beside the sensor: a router, what it waits for step by step, an app."""
    names = [f"before-{step}" for step in range(7)]
    waiting = [{"name": one, "image": one, "essential": False} for one in names]
    for number, (container, awaited) in enumerate(pairwise(waiting)):
        if number % 2:
            container["volumesFrom"] = [{"sourceContainer": awaited["name"]}]
        else:
            container["dependsOn"] = [{"containerName": awaited["name"], "condition": "START"}]
    router = {
        "name": "log_router",
        "image": "fluent-bit:4",
        "firelensConfiguration": {"type": "fluentbit"},
        "volumesFrom": [{"sourceContainer": names[0]}],
    }
    return [router, *waiting, {"name": "app", "image": "app:1", "logConfiguration": {"logDriver": "awsfirelens"}}]


def with_nulls():
    """Containers as `jsonencode` writes them where variables are null; of the essential ones the last alone logs."""
    unset = ("essential", "dependsOn", "volumesFrom", "firelensConfiguration", "healthCheck", "logConfiguration")
    app, web = ({"name": name, "image": "app:1", **dict.fromkeys(unset)} for name in ("app", "web"))
    splunk = {"logDriver": "splunk", "options": None}
    return [
        app,
        app | {"name": "a", "essential": False, "logConfiguration": splunk},
        web | {"logConfiguration": {"logDriver": "awslogs"}},
    ]


def given():
    """Containers of all definitions whose values a template does not compute, the longest chain, and nulls."""
    return {"chain": chain(), "nulls": with_nulls()} | {
        f"{file.stem}-{number}": request["containerDefinitions"]
        for file in FILES
        if "template" not in file.name
        for number, request in enumerate(requests(removed(file.read_bytes())))
    }


def expected(containers, wishes=WISHES):
    """What inject makes of them, without its record."""
    found = json.loads(injected(json.dumps(containers).encode(), wishes))
    found[-1].pop(LABELS)
    return normal(found)


def normal(containers):
    """Variables in the order of their names, and their JSON read: Terraform writes `&` as an escape in it."""
    for entry in containers[-1]["environment"]:
        if entry["name"] == "SENSOR_PROBE_COMMANDS":
            entry["value"] = json.loads(entry["value"])
    containers[-1]["environment"].sort(key=lambda one: one["name"])
    return containers


def test_the_module_and_the_command_agree(terraform):
    (terraform.folder / "given.json").write_text(json.dumps({k: json.dumps(v) for k, v in given().items()}))
    (terraform.folder / "app.json").write_text(json.dumps(APP))
    (terraform.folder / "said.json").write_text(json.dumps(SAID))
    (terraform.folder / "main.tf").write_text(ROOT.replace("IMAGE", IMAGE))
    for command in (("init",), ("validate",), ("apply", "-auto-approve")):
        done = terraform(*command)
        assert done.returncode == 0, done.stderr
    found = {name: one["value"] for name, one in json.loads(terraform("output", "-json").stdout).items()}
    assert len(found["injected"]) > 20
    assert {name: normal(one) for name, one in found["injected"].items()} == {
        name: expected(containers) for name, containers in given().items()
    }
    for_sensor = [one["name"] for one in found["injected"]["chain"] if "fargate-sensor" in str(one.get("dependsOn"))]
    assert for_sensor == ["app"]
    containers, volumes, pid_mode = found["plain"]
    wishes = Wishes(IMAGE, variables=SAID, depends_on=False, spool=False)
    assert normal(containers) == expected(APP, wishes)
    assert (volumes, pid_mode) == ([], "task")


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_comes_to_stand_in_the_task_definition(terraform, name):
    (terraform.folder / "given.json").write_text("{}")
    (terraform.folder / "app.json").write_text(json.dumps(APP))
    (terraform.folder / "said.json").write_text(json.dumps(SAID | {name: "s3cret"}))
    (terraform.folder / "main.tf").write_text(ROOT)
    assert terraform("init").returncode == 0
    done = terraform("plan")
    assert done.returncode == 1
    assert "for all to read" in " ".join(done.stderr.split())
    assert "s3cret" not in done.stdout


def test_the_module_is_formatted(terraform):
    done = terraform("fmt", "-check", "-diff", "module")
    assert done.returncode == 0, done.stdout + done.stderr
