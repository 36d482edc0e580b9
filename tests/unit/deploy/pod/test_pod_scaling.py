"""An app that is scaled by utilisation is told what a sensor without requests does to that."""

import base64
import io
import json
import sys
from typing import Any

import pytest
from pods import Pod, app, pod

from deploy.commands.inject import main
from deploy.pod.inject import inject
from deploy.pod.wishes import Wishes
from deploy.sidecar.destinations import parse
from deploy.webhook import review

BOTH = {"cpu": "250m", "memory": "64Mi"}
CPU = "the app requests cpu, the sensor does not: a HorizontalPodAutoscaler by cpu utilisation stops scaling this pod"
ALL = "the app requests cpu and memory, the sensor does not: a HorizontalPodAutoscaler by cpu or memory utilisation"


def wishes(**resources: Any) -> Wishes:
    return Wishes("i:1", (parse("stdout"),), resources=resources)


def requesting(name: str = "app", requests: Any = BOTH, **fields: Any) -> dict[str, Any]:
    return app(name, resources={"requests": requests}, **fields)


@pytest.mark.parametrize(
    ("before", "wished", "said"),
    [
        (pod(requesting()), wishes(), ALL),
        (pod(requesting(), requesting("b", {"cpu": 1})), wishes(), CPU),
        (pod(requesting(), app("b", resources={"limits": {"cpu": "1"}})), wishes(), CPU),
        (pod(requesting(), initContainers=[app("migrate")]), wishes(), ALL),
        (pod(requesting()), wishes(requests={"memory": "64Mi"}), CPU),
        (pod(requesting()), wishes(limits={"memory": "64Mi"}), CPU),
        (pod(requesting()), wishes(requests=BOTH), None),
        (pod(requesting(), app("b")), wishes(), None),
        (pod(requesting(), initContainers=[app("proxy", restartPolicy="Always")]), wishes(), None),
        (pod(requesting(), resources={"requests": BOTH}), wishes(), None),
        (pod(app(resources=None)), wishes(), None),
        (pod(requesting(requests=[])), wishes(), None),
    ],
)
def test_it_is_told_where_utilisation_could_be_worked_out_before(before: Pod, wished: Wishes, said: str | None) -> None:
    notes = inject(before, wished).notes
    assert len(notes) == (said is not None)
    assert all(one.startswith(said or "") for one in notes)


def test_the_command_says_it_in_a_note(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    text = json.dumps(pod(requesting())).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["pod", "-", "--image", "i:1", "--destination", "stdout"]) == 0
    said = capfd.readouterr().err
    assert f"note: Pod shop-1: {ALL}" in said
    example = said.partition("--resources '")[2].partition("'")[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["pod", "-", "--image", "i:1", "--destination", "stdout", "--resources", example]) == 0
    assert "HorizontalPodAutoscaler" not in capfd.readouterr().err


def test_the_webhook_says_it_whole_in_a_warning() -> None:
    request = review.Request("u", "CREATE", "pods", "shop", "shop-1", False, pod(requesting()))
    answer = review.answer(request, wishes())
    (line,) = answer.body["response"]["warnings"]
    assert line.startswith(ALL)
    assert line.endswith("gives the sensor requests")
    assert answer.warnings == (line,)
    assert b"resources" not in base64.b64decode(answer.body["response"]["patch"])
