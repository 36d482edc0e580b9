"""Whatever stands in a pod, injection says something: no exception, and a patch that applies."""

import json
import time
from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pods import INJECTED, annotated

from deploy.documents.stream import Stream
from deploy.pod import manifest
from deploy.pod.inject import inject
from deploy.pod.left_alone import malformed
from deploy.pod.rewrite import put_in, take_out
from deploy.pod.wishes import SecretKey, Wishes
from deploy.sidecar import destinations
from deploy.webhook import review

WISHES = [
    Wishes("i:1", (destinations.ingest("https://ingest.example.org"),), mode="native", pull_secrets=("a",)),
    Wishes("i:1", (destinations.parse("stdout"),), security="same-uid", token_secret=SecretKey("s", "k")),
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """A sound pod in which one or two values are something else."""
    pod = deepcopy(draw(st.sampled_from(list(INJECTED.values()))))
    for _ in range(draw(st.integers(1, 2))):
        node: Any = pod
        while isinstance(node, dict | list) and node:
            key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            if draw(st.booleans()) or not isinstance(node[key], dict | list):
                node[key] = draw(ODD)
                break
            node = node[key]
    return pod


@given(spoiled(), st.sampled_from(WISHES))
def test_no_pod_is_too_odd(pod: Any, wishes: Wishes) -> None:
    before = deepcopy(pod)
    found = inject(pod, wishes)
    assert pod == before
    assert bool(found.patch) is (found.left_alone is None)
    after = jsonpatch.apply_patch(pod, found.documents())
    if found.patch:
        assert inject(after, wishes).left_alone == "injected"


@given(spoiled(), st.sampled_from(WISHES))
def test_what_is_put_into_an_odd_pod_is_taken_out_again(pod: Any, wishes: Wishes) -> None:
    if malformed(pod) is not None:
        return
    text = json.dumps(pod | {"apiVersion": "v1", "kind": "Pod"}, ensure_ascii=False)
    stream = Stream(text.encode())
    (one,) = manifest.pods(stream).pods
    put_in(one, wishes)
    again = Stream(stream.text().encode())
    (two,) = manifest.pods(again).pods
    take_out(two)
    assert json.loads(again.text()) == json.loads(text)


MANY = 20_000
"""Of what the API server still takes in one pod, and asks webhooks about before it looks whether the pod is sound."""


def large(*containers: dict[str, Any], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"metadata": metadata or {}, "spec": {"containers": list(containers)}}


@pytest.mark.parametrize(
    "pod",
    [
        large({"image": "s6-overlay" * MANY + "!"}),
        large({"image": "systemd" * MANY + "!"}),
        large({"command": ["kill " + "-a " * MANY]}),
        large({"command": ["kill " + "-s -s a " * MANY]}),
        large(*({"livenessProbe": {"exec": {"command": [str(n)]}}} for n in range(MANY))),
        large(*({"securityContext": {"runAsUser": n + 1000}} for n in range(2 * MANY))),
        large({}, metadata={"annotations": {f"fargate-sensor/env.SENSOR_DAILY_{n}": "1" for n in range(MANY)}}),
    ],
    ids=["image of s6", "image of systemd", "command", "signals", "probes", "users", "annotations"],
)
def test_no_pod_holds_up_the_others(pod: dict[str, Any]) -> None:
    """The webhook has one thread; with failurePolicy Ignore pods start without the sensor while it is busy."""
    before = time.process_time()
    for wishes in WISHES:
        inject(pod, wishes)
    assert time.process_time() - before < 4


def test_settings_of_one_pod_are_taken_up_to_a_bound() -> None:
    few = {f"env__SENSOR_X{n}": "" for n in range(128)}
    assert len(inject(annotated(**few), WISHES[0]).warnings) == 128
    told = inject(annotated(**few, env__SENSOR_DAILY_MB="1"), WISHES[0])
    assert told.warnings[-1] == "more than 128 annotations begin with fargate-sensor/: the rest is left out"


def test_a_line_of_the_log_is_no_longer_than_the_warnings_that_are_sent() -> None:
    pod = large(*({"name": f"{n}" * 60, "command": ["/init"]} for n in range(100)))
    request = review.Request("u", "CREATE", "pods", "shop", "web", False, pod)
    answer = review.answer(request, WISHES[0])
    assert list(answer.warnings) == answer.body["response"]["warnings"]
    assert sum(map(len, answer.warnings)) <= review.ALL_WARNINGS
