"""The webhook as it is run, over TLS on loopback: all pods, what is no review, many at once."""

import asyncio
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import jsonpatch
import pytest
from kubernetes_schemas import NEWEST, refuse
from pods import INJECTED, LEFT_ALONE, annotated, app, pod
from webhook_process import Running, patch_of, review, running

WAYS = ("ordinary", "native")
OLDEST = "1.29"
"""Kubernetes has native sidecars since then."""
ONLY_NEWEST = {"pod_limits"}
"""Pods that have what the oldest version does not know."""


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture(scope="module")
def client(webhook: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=webhook.url, verify=webhook.trust, trust_env=False, timeout=20) as found:
        yield found


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a webhook that injects in one of the `WAYS`."""
    with (
        running(tmp_path_factory.mktemp("tls"), FARGATE_SENSOR_MODE=request.param) as found,
        httpx.Client(base_url=found.url, verify=found.trust, trust_env=False, timeout=20) as client,
    ):
        yield client


def ask(client: httpx.Client, pod: Any, path: str = "/mutate", **fields: Any) -> dict[str, Any]:
    answer = client.post(path, json=review(pod, **fields))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["apiVersion"], body["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response = body["response"]
    assert response["uid"] == fields.get("uid", "u-1")
    assert response["allowed"] is True
    return dict(response)


def patched(pod: Any, response: dict[str, Any]) -> Any:
    """By somebody else's RFC 6902."""
    return jsonpatch.apply_patch(deepcopy(pod), patch_of(response))


@pytest.mark.parametrize("name", INJECTED)
def test_patches_apply_are_valid_and_a_second_pass_does_nothing(way: httpx.Client, name: str) -> None:
    before = {"apiVersion": "v1", "kind": "Pod"} | INJECTED[name]
    after = patched(before, ask(way, before))
    spec = after["spec"]
    sensors = [
        one
        for key in ("initContainers", "containers")
        for one in spec.get(key) or ()
        if one["name"] == "fargate-sensor"
    ]
    assert len(sensors) == 1
    for version in (NEWEST,) if name in ONLY_NEWEST else (OLDEST, NEWEST):
        refuse(before, version)
        refuse(after, version)
    again = ask(way, after)
    assert patch_of(again) == []
    assert "warnings" not in again  # it asks again when another webhook has changed the pod


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_left_alone_is_allowed_with_the_reason(client: httpx.Client, name: str) -> None:
    pod, word = LEFT_ALONE[name]
    response = ask(client, pod)
    assert "patch" not in response
    assert word in response["warnings"][0]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"operation": "UPDATE"}, "not being created (UPDATE)"),
        ({"operation": "DELETE", "object": None}, "not being created (DELETE)"),
        ({"resource": {"group": "apps", "version": "v1", "resource": "deployments"}}, "no pod but deployments"),
        ({"subResource": "ephemeralcontainers"}, "no pod but pods/ephemeralcontainers"),
        ({"object": None}, "no object"),
        ({"object": "text"}, "no object"),
    ],
)
def test_requests_about_something_else(client: httpx.Client, fields: dict[str, Any], word: str) -> None:
    response = ask(client, pod(), **fields)
    assert "patch" not in response
    assert word in response["warnings"][0]


def test_what_nobody_fills_in_any_more_is_left_out_and_told(client: httpx.Client) -> None:
    asking = annotated(env__SENSOR_DAILY_MB="${BUDGET}", env__SENSOR_PROBE_COMMANDS='[["sh", "-c", "echo ${HOME}"]]')
    response = ask(client, asking)
    (sensor,) = [c for c in patched(asking, response)["spec"]["containers"] if c["name"] == "fargate-sensor"]
    said = {one["name"]: one.get("value") for one in sensor["env"]}
    assert "SENSOR_DAILY_MB" not in said
    assert said["SENSOR_PROBE_COMMANDS"] == '[["sh", "-c", "echo ${HOME}"]]'
    (warning,) = response["warnings"]
    assert "env.SENSOR_DAILY_MB': SENSOR_DAILY_MB: should be a valid number" in warning


def test_a_path_for_namespaces_that_forbid_root(client: httpx.Client) -> None:
    after = patched(INJECTED["restricted"], ask(client, INJECTED["restricted"], "/mutate/same-uid"))
    assert after["metadata"]["annotations"]["fargate-sensor/status"].endswith(" same-uid")
    assert client.post("/mutate/odd", json=review(pod())).status_code == 404


def test_warnings_are_as_long_as_the_api_server_hands_on(client: httpx.Client) -> None:
    apps = [app(f"a\n{'x' * 300}{number}", command=["/init"]) for number in range(40)]
    warnings = ask(client, pod(*apps))["warnings"]
    assert sum(map(len, warnings)) <= 4096
    assert {len(one) for one in warnings} == {256}
    assert all(one.isprintable() for one in warnings)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "the body is no JSON"),
        (b"{", 400, "the body is no JSON"),
        (b"\xff", 400, "the body is no JSON"),
        (b"[" * 100_000, 400, "the body is no JSON: RecursionError"),
        (b"9" * 10_000, 400, "the body is no JSON: ValueError"),
        (b"[]", 400, "the body is no AdmissionReview"),
        (b'{"kind": "AdmissionReview"}', 400, "apiVersion is None"),
        (json.dumps(review({}) | {"apiVersion": "admission.k8s.io/v1beta1"}).encode(), 400, "only admission.k8s.io/v1"),
        (json.dumps(review({}) | {"request": []}).encode(), 400, "request has no uid"),
        (json.dumps(review({}, uid="")).encode(), 400, "request has no uid"),
        (b" " * 10_000_000, 413, "a review has 4194304 bytes at most"),
        (b" " * 40_000_000, 413, "a review has 4194304 bytes at most"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_what_is_no_review_is_refused(client: httpx.Client, body: bytes, status: int, reason: str) -> None:
    answer = client.post("/mutate", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert reason in answer.json()["error"]


def test_other_ways_to_ask(client: httpx.Client) -> None:
    assert client.post("/mutate", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.get("/mutate").status_code == 405
    assert client.post("/", json={}).json() == {"error": "there is no such path: reviews are posted to /mutate"}


async def test_many_at_once_each_get_their_own_answer(webhook: Running) -> None:
    every = list(INJECTED.values())
    asked = {f"u-{number}": every[number % len(every)] for number in range(120)}
    options = {"verify": webhook.trust, "trust_env": False, "timeout": 20, "limits": httpx.Limits(max_connections=20)}
    async with httpx.AsyncClient(base_url=webhook.url, **options) as client:
        answers = await asyncio.gather(*(client.post("/mutate", json=review(p, uid)) for uid, p in asked.items()))
    responses = {one.json()["response"]["uid"]: one.json()["response"] for one in answers}
    assert responses.keys() == asked.keys()
    for uid, one in asked.items():
        assert [c["name"] for c in patched(one, responses[uid])["spec"]["containers"]][: len(one["spec"]["containers"])]


def test_health_and_figures_are_on_a_plain_port(webhook: Running, client: httpx.Client) -> None:
    ask(client, pod(), dryRun=True)
    ask(client, LEFT_ALONE["windows"][0])
    client.post("/mutate", content=b"{", headers={"Content-Type": "application/json"})
    with httpx.Client(base_url=webhook.health, trust_env=False) as plain:
        assert [plain.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        figures = plain.get("/metrics").text
    for name in (
        'webhook_requests_total{status="200"}',
        'webhook_requests_total{status="400"}',
        "webhook_patched_total",
        'webhook_left_alone_total{reason="not_linux"}',
        'webhook_certificate_loads_total{result="ok"}',
        'webhook_request_seconds_bucket{le="0.1"}',
    ):
        assert re.search(rf"^{re.escape(name)} [1-9]", figures, re.MULTILINE), name
    assert "webhook_faults_total 0.0" in figures
