"""What docs/eks.md says exists, and Kubernetes takes its manifests."""

import re
from pathlib import Path

import pytest
import yaml
from kubernetes_schemas import NEWEST, refuse

from deploy.commands.pod_options import OPTIONS
from deploy.pod import annotations

TEXT = (Path(__file__).parents[3] / "docs/eks.md").read_text()
(BLOCK,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("document", list(yaml.safe_load_all(BLOCK)), ids=lambda one: one["kind"])
def test_kubernetes_takes_the_manifests(document):
    refuse(document, NEWEST)


def test_every_variable_and_annotation_is_told():
    assert {one.variable for one in OPTIONS} == set(re.findall(r"`(FARGATE_SENSOR_[A-Z_]+)", TEXT)) - {
        "FARGATE_SENSOR_"
    }
    told = set(re.findall(r"`(fargate-sensor/[a-z-]+(?:\.(?=SENSOR))?)", TEXT))
    assert {annotations.INJECT, annotations.MODE, annotations.SECURITY, annotations.IMAGE, annotations.VARIABLE} <= told
