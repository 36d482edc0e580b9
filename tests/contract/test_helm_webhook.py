"""The webhook with the arguments, the environment and the certificate that the chart renders, asked as the rendered
configuration says: over TLS, by the service's name, with that authority as the only one that is trusted."""

import base64
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import helm_chart
import httpx
import jsonpatch
import pytest
from helm_chart import NAMESPACE, PREFIX, environment, objects, one
from kubernetes_schemas import NEWEST, refuse
from pods import INJECTED, pod
from webhook_process import Running, patch_of, review, started

MOUNTED = "/etc/fargate-sensor/tls"
HERE = {
    f"--cert-dir={MOUNTED}": "--cert-dir={}",
    "--listen=0.0.0.0:8443": "--listen=127.0.0.1:0",
    "--health-listen=0.0.0.0:8080": "--health-listen=127.0.0.1:0",
}
"""What has to be said otherwise on this machine; in the place of `{}` stands the directory."""


class Rendered(NamedTuple):
    """What a set of values makes of the webhook."""

    options: list[str]
    variables: dict[str, str]
    files: dict[str, bytes]
    clients: list[dict[str, Any]]
    """`clientConfig` of each webhook that the API server is told of."""


def rendered(name: str) -> Rendered:
    """The Deployment's container with the keys of the Secret that it mounts, and who is told to ask it."""
    made = objects(name)
    spec = one("Deployment", "-webhook", made)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    command, *options = (word.replace("$$", "$") for word in container["args"])
    assert command == "webhook"
    (mount,) = container["volumeMounts"]
    assert mount["mountPath"] == MOUNTED
    (volume,) = spec["volumes"]
    secret = one("Secret", "-webhook-tls", made)
    assert secret["metadata"]["name"] == volume["secret"]["secretName"]
    files = {item["path"]: base64.b64decode(secret["data"][item["key"]]) for item in volume["secret"]["items"]}
    (configured,) = (each for each in made if each["kind"] == "MutatingWebhookConfiguration")
    return Rendered(options, environment(container), files, [each["clientConfig"] for each in configured["webhooks"]])


@pytest.fixture(scope="module", params=["least", "everything"])
def chart(request: pytest.FixtureRequest, need: Any) -> Rendered:
    helm_chart.engine(need)
    return rendered(request.param)


@pytest.fixture(scope="module")
def webhook(chart: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """As the container would run it, its ports and the Secret's place aside, which are this machine's."""
    directory = tmp_path_factory.mktemp("tls")
    for path, content in chart.files.items():
        (directory / path).write_bytes(content)
    moved = [HERE.get(option, option).format(directory) for option in chart.options]
    assert set(HERE) <= set(chart.options)
    with started(moved, chart.variables) as found:
        yield found


def ask(webhook: Running, trust: ssl.SSLContext, path: str, asked: Any, name: str) -> httpx.Response:
    """The answer to a review, over a connection of its own to who is called so."""
    with httpx.Client(base_url=webhook.url, verify=trust, trust_env=False, timeout=20) as client:
        return client.post(path, json=review(asked), extensions={"sni_hostname": name})


@pytest.mark.parametrize(("number", "path", "security"), [(0, "/mutate", "root"), (1, "/mutate/same-uid", "same-uid")])
def test_the_configured_service_answers_with_a_certificate_of_the_configured_authority(
    chart: Rendered, webhook: Running, number: int, path: str, security: str
) -> None:
    client = chart.clients[number]
    name = f"{client['service']['name']}.{client['service']['namespace']}.svc"
    assert (name, client["service"]["path"]) == (f"{PREFIX}-webhook.{NAMESPACE}.svc", path)
    trust = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
    before = pod()
    answer = ask(webhook, trust, path, before, name)
    with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
        ask(webhook, trust, path, before, f"other.{NAMESPACE}.svc")
    assert answer.status_code == 200
    after = jsonpatch.apply_patch(before, patch_of(answer.json()["response"]))
    refuse(after, NEWEST)
    assert after["metadata"]["annotations"]["fargate-sensor/status"].endswith(f" {security}")
    (sensor,) = (
        one
        for one in (*after["spec"].get("initContainers", ()), *after["spec"]["containers"])
        if one["name"] == "fargate-sensor"
    )
    assert sensor["image"] == "registry.example.org/fargate-sensor:0.1.0"
    assert {"name": "SENSOR_INGEST_URL", "value": "https://ingest.example.org"} in sensor["env"]


@pytest.fixture
def posted(chart: Rendered, webhook: Running) -> Iterator[Callable[..., httpx.Response]]:
    """Posts to the first configured path, and trusts what the configuration trusts."""
    client = chart.clients[0]
    name = f"{client['service']['name']}.{client['service']['namespace']}.svc"
    trust = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())

    def by_name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = name

    url = f"{webhook.url}{client['service']['path']}"
    with httpx.Client(verify=trust, trust_env=False, timeout=20, event_hooks={"request": [by_name]}) as asking:
        yield partial(asking.post, url)


def test_pods_of_every_shape_over_that_certificate(posted: Callable[..., httpx.Response]) -> None:
    for name, shape in INJECTED.items():
        before = {"apiVersion": "v1", "kind": "Pod"} | shape
        answer = posted(json=review(before)).json()["response"]
        after = jsonpatch.apply_patch(before, patch_of(answer))
        refuse(after, NEWEST)
        assert after != before, name
        assert patch_of(posted(json=review(after)).json()["response"]) == [], name


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b" " * 10_000_001, 413)], ids=["malformed", "10 MB"])
def test_bodies_that_are_no_review_are_refused_with_a_reason(
    posted: Callable[..., httpx.Response], body: bytes, status: int
) -> None:
    answer = posted(content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.text.strip()


def test_nobody_else_is_trusted(webhook: Running) -> None:
    with httpx.Client(base_url=webhook.url, trust_env=False) as asking, pytest.raises(httpx.ConnectError, match="CERT"):
        asking.post("/mutate", json=review(pod()))


def test_it_is_ready_where_the_probes_ask(webhook: Running) -> None:
    with httpx.Client(base_url=webhook.health, trust_env=False) as plain:
        assert [plain.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
