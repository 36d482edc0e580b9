"""Helm itself installs, upgrades and removes the chart, against a stand-in for the API server.

What is shown of the certificate is what an API server would see: TLS with it, checked by what the configuration trusts.
"""

import base64
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import helm_chart
import pytest
import yaml
from helm_chart import CHART, ISSUER, NAMESPACE, PREFIX, RELEASE, connected, values
from kubernetes_api import Cluster, kubernetes_api
from local_http import QuietHandler, serving

DAY_S = 86_400
GOOD_FOR = 1825
"""Days, as values.yaml has them."""
LASTS = 2 * 365
"""Days for which the README says that what an upgrade leaves is good."""
GIVEN = values(ingest__enabled=True, ingest__kubernetes__issuers=[ISSUER], ingest__writeToken=True)
MORE = values(ingest__enabled=True, ingest__kubernetes__issuers=[ISSUER], ingest__writeToken=True, webhook__replicas=3)
HOST = f"{PREFIX}-webhook.{NAMESPACE}.svc"
TLS = ("secrets", f"{PREFIX}-webhook-tls")
TOKENS = ("secrets", f"{PREFIX}-ingest-tokens")
UNTIL = "fargate-sensor/not-after"


@pytest.fixture(scope="module")
def helm(need) -> Any:
    return helm_chart.engine(need)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with kubernetes_api() as made:
        yield made


@pytest.fixture
def release(helm, cluster) -> Iterator[Any]:
    """The chart, installed."""
    with connected(helm, cluster) as config:
        assert config.install(CHART, RELEASE, GIVEN)["status"] == "deployed"
        yield config


def data(cluster: Cluster, key: tuple[str, str]) -> dict[str, bytes]:
    """What a secret holds."""
    return {name: base64.b64decode(text) for name, text in cluster.objects[key]["data"].items()}


def trusted(cluster: Cluster) -> set[bytes]:
    """The authorities in the configuration of the webhooks."""
    found = cluster.objects["mutatingwebhookconfigurations", f"{PREFIX}-{NAMESPACE}"]["webhooks"]
    return {base64.b64decode(each["clientConfig"]["caBundle"]) for each in found}


def handshake(secret: dict[str, bytes], authority: bytes, host: str, folder: Any) -> str:
    """The name that was verified, in memory. Raises `ssl.SSLError` where it is not trusted."""
    server, client = served_by(secret, folder), ssl.create_default_context(cadata=authority.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    (names,) = (value for key, value in (ends[0].getpeercert() or {}).items() if key == "subjectAltName")
    return names[0][1]  # type: ignore[index, return-value]  # typeshed has one type for all the fields


def served_by(secret: dict[str, bytes], folder: Any) -> ssl.SSLContext:
    """As the webhook serves it."""
    for name in ("tls.crt", "tls.key"):
        (folder / name).write_bytes(secret[name])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context


def test_the_api_server_can_trust_what_was_made(cluster, release, tmp_path):
    secret = data(cluster, TLS)
    (authority,) = trusted(cluster)
    assert authority == secret["ca.crt"]
    assert handshake(secret, authority, HOST, tmp_path) == HOST
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(secret, authority, f"other.{NAMESPACE}.svc", tmp_path)


def test_an_upgrade_keeps_the_certificate_and_the_tokens(cluster, release):
    before, tokens, authority = data(cluster, TLS), data(cluster, TOKENS), trusted(cluster)
    release.upgrade(CHART, RELEASE, MORE)
    assert cluster.objects["deployments", f"{PREFIX}-webhook"]["spec"]["replicas"] == 3
    assert data(cluster, TLS) == before
    assert trusted(cluster) == authority
    assert data(cluster, TOKENS) == tokens
    assert tokens.keys() == {"read-token", "write-token", "login-key"}
    assert len(set(tokens.values())) == 3
    assert min(map(len, tokens.values())) >= 43


def aged(secret: dict[str, Any], days: int) -> None:
    """As if so many days had gone by."""
    annotations = secret["metadata"]["annotations"]
    annotations[UNTIL] = str(int(annotations[UNTIL]) - days * DAY_S)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: aged(secret, GOOD_FOR - LASTS + 1),
        lambda secret: secret["metadata"].pop("annotations"),
        lambda secret: secret["data"].pop("tls.key"),
        lambda secret: secret["data"].update({"ca.crt": ""}),
        lambda secret: secret.pop("data"),
    ],
    ids=["ends_a_day_too_soon", "end_unknown", "no_key", "no_authority", "empty"],
)
def test_an_upgrade_makes_a_new_certificate_where_the_old_one_is_of_no_use(cluster, release, tmp_path, spoil):
    before = trusted(cluster)
    spoil(cluster.objects[TLS])
    release.upgrade(CHART, RELEASE, GIVEN)
    (authority,) = trusted(cluster)
    assert {authority} != before
    assert handshake(data(cluster, TLS), authority, HOST, tmp_path) == HOST


def test_what_an_upgrade_keeps_outlasts_two_years(cluster, release):
    aged(cluster.objects[TLS], GOOD_FOR - LASTS - 1)
    before = data(cluster, TLS)
    release.upgrade(CHART, RELEASE, GIVEN)
    assert data(cluster, TLS) == before


def test_what_pods_still_serve_is_trusted_until_the_next_upgrade(cluster, release, tmp_path):
    before = data(cluster, TLS)
    aged(cluster.objects[TLS], GOOD_FOR - 1)
    release.upgrade(CHART, RELEASE, GIVEN)
    now = data(cluster, TLS)
    (both,) = trusted(cluster)
    assert now["tls.crt"] != before["tls.crt"]
    assert [handshake(served, both, HOST, tmp_path) for served in (before, now)] == [HOST, HOST]
    release.upgrade(CHART, RELEASE, GIVEN)
    assert data(cluster, TLS) == now
    assert trusted(cluster) == {now["ca.crt"]}


def test_nothing_is_left_behind(cluster, release):
    release.uninstall(RELEASE)
    assert cluster.objects == {}


def test_notes_say_how_to_see_the_first_event(release):
    notes = release.status(RELEASE)["notes"]
    assert "kubectl label namespace NAMESPACE fargate-sensor/inject=true" in notes
    assert f"helm -n {NAMESPACE} test {RELEASE}" in notes
    assert f"port-forward service/{PREFIX}-ingest 8080" in notes


@contextmanager
def webhook(cluster: Cluster, folder: Any, response: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The environment in which HTTPS to anywhere ends at a webhook with the chart's certificate, by way of a proxy."""
    context = served_by(data(cluster, TLS), folder)

    class Handler(QuietHandler):
        def do_CONNECT(self) -> None:  # noqa: N802 - the name that the base class looks for
            self.answer(200)
            self.wfile.flush()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.setup_again()
            self.handle_one_request()

        def setup_again(self) -> None:
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

        def do_POST(self) -> None:  # noqa: N802 - as above
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert review["kind"] == "AdmissionReview"
            self.answer(200, json.dumps({"response": {"uid": review["request"]["uid"], **response}}))
            self.connection.close()

    with serving(Handler) as url:
        yield {"https_proxy": url, "CA": data(cluster, TLS)["ca.crt"].decode()}


PATCH = base64.b64encode(json.dumps([{"op": "add", "path": "/spec/initContainers", "value": []}]).encode()).decode()


def first_review(helm: Any, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What the pod of `helm test` runs."""
    with helm.Chart.load(CHART) as chart:
        made = chart.render(GIVEN, name=RELEASE, namespace=NAMESPACE)[
            "fargate-sensor/templates/tests/first-review.yaml"
        ]
    (container,) = yaml.safe_load(made)["spec"]["containers"]
    words = [sys.executable, *container["command"][1:], *(each.replace("$$", "$") for each in container["args"])]
    environ = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")} | environ
    return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=30, check=False)


def test_helm_test_tells_what_would_be_put_in(helm, cluster, release, tmp_path):
    with webhook(cluster, tmp_path, {"allowed": True, "patch": PATCH, "patchType": "JSONPatch"}) as environ:
        done = first_review(helm, environ)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"https://{HOST}{path} would add /spec/initContainers" for path in ("/mutate", "/mutate/same-uid")
    ]


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"allowed": True}, "no sensor would be put into a pod"),
        ({"allowed": False, "patch": PATCH}, "'allowed': False"),
        ({"patch": PATCH}, "KeyError"),
    ],
)
def test_helm_test_fails_where_the_webhook_does_not_inject(helm, cluster, release, tmp_path, response, said):
    with webhook(cluster, tmp_path, response) as environ:
        done = first_review(helm, environ)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_helm_test_fails_where_the_certificate_is_not_trusted(helm, cluster, release, tmp_path):
    with webhook(cluster, tmp_path, {"allowed": True, "patch": PATCH}) as environ:
        release.uninstall(RELEASE)
        release.install(CHART, RELEASE, GIVEN)
        done = first_review(helm, environ | {"CA": data(cluster, TLS)["ca.crt"].decode()})
    assert done.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
