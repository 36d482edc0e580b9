"""Tokens of service accounts: whose signature, for whom, of when, and which pod."""

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fakes import FakeClock
from ingest_samples import READING, client_of, event, plain
from logins import INGEST, ISSUER, NOW, UID, Issuer, jwks, pod_claims
from msgpack import packb

from ingest.answers import Refused
from ingest.identity.jwks import KeySet, from_file
from ingest.identity.principal import PodPrincipal
from ingest.identity.service_account import ServiceAccounts
from ingest.store.protocol import Store
from sensor.model.events import Pod

RSA, EC = Issuer("rsa"), Issuer("ec", "ES256")


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(jwks(RSA.public(), EC.public()))
    return file


@pytest.fixture
def accounts(keys_file: Path) -> ServiceAccounts:
    clock = FakeClock()
    keys = {ISSUER: KeySet(ISSUER, from_file(keys_file), clock)}
    return ServiceAccounts(keys, ("ingest.internal", INGEST), ("shop/*",), clock)


async def refused(accounts: ServiceAccounts, token: object) -> Refused:
    with pytest.raises(Refused) as caught:
        await accounts.verified(token)
    assert "\n" not in caught.value.reason
    return caught.value


@pytest.mark.parametrize("issuer", [RSA, EC], ids=["RS256", "ES256"])
async def test_a_pods_token_proves_the_pod_for_as_long_as_it_is_good(accounts: ServiceAccounts, issuer: Issuer) -> None:
    verified = await accounts.verified(issuer.token())
    assert verified == (PodPrincipal(ISSUER, "shop", "web", "web-1", UID), 1200)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"iss": "https://evil.example"}, 401, "its issuer is none of INGEST_KUBERNETES_ISSUERS"),
        ({"iss": ISSUER + "/"}, 401, "its issuer is none of"),
        ({"iss": [ISSUER]}, 401, "its issuer is none of"),
        ({"aud": ["other.example.org"]}, 401, "meant for another audience"),
        ({"aud": None}, 401, "MissingRequiredClaim"),
        ({"aud": {"a": 1}}, 401, "another audience"),
        ({"exp": NOW - 61}, 401, "has ended"),
        ({"exp": None}, 401, "MissingRequiredClaim"),
        ({"exp": "never"}, 401, "should be times"),
        ({"exp": True}, 401, "should be times"),
        ({"exp": 1e300}, 401, "should be times"),
        ({"nbf": NOW + 61}, 401, "not good yet"),
        ({"nbf": "x"}, 401, "should be times"),
        ({"iat": NOW + 61}, 401, "not good yet"),
        ({"sub": "system:serviceaccount:shop:admin"}, 401, "contradicts itself"),
        ({"sub": None}, 401, "MissingRequiredClaim"),
        ({"kubernetes.io": None}, 403, "not bound to a pod"),
        ({"kubernetes.io": "shop"}, 403, "not bound to a pod"),
        ({"kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web"}}}, 403, "not bound to a pod"),
    ],
)
async def test_what_a_token_says_must_be_right(
    accounts: ServiceAccounts, changes: dict[str, Any], status: int, reason: str
) -> None:
    error = await refused(accounts, RSA.token(pod_claims(**changes)))
    assert (error.status, reason in error.reason) == (status, True), error.reason


@pytest.mark.parametrize("changes", [{"exp": NOW - 59}, {"nbf": NOW + 59}, {"iat": NOW + 59}, {"nbf": None}])
async def test_clocks_may_differ_by_a_minute(accounts: ServiceAccounts, changes: dict[str, Any]) -> None:
    assert (await accounts.verified(RSA.token(pod_claims(**changes)))).seconds >= 1


@pytest.mark.parametrize(
    "part", [{"uid": "another"}, {"uid": None}, {"name": "../x", "uid": UID}, {"name": 7, "uid": UID}]
)
async def test_a_pod_must_be_named_as_kubernetes_names_them(accounts: ServiceAccounts, part: dict[str, Any]) -> None:
    claims = pod_claims()
    claims["kubernetes.io"]["pod"] |= part
    assert (await refused(accounts, RSA.token(claims))).status == 403


async def test_only_configured_service_accounts_are_let_in(accounts: ServiceAccounts) -> None:
    claims = pod_claims(sub="system:serviceaccount:bank:web")
    claims["kubernetes.io"]["namespace"] = "bank"
    error = await refused(accounts, RSA.token(claims))
    assert (error.status, "bank/web matches none" in error.reason) == (403, True)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None])
async def test_a_token_without_a_signature_is_refused(accounts: ServiceAccounts, alg: str | None) -> None:
    token = unsigned({"alg": alg, "typ": "JWT", "kid": "rsa"}, pod_claims()) + "."
    assert (await refused(accounts, token)).status in (400, 401)


@pytest.mark.parametrize("form", [serialization.Encoding.PEM, serialization.Encoding.DER])
async def test_the_public_key_is_no_secret_to_sign_with(accounts: ServiceAccounts, form: Any) -> None:
    public = RSA.key.public_key().public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, pod_claims())
    signature = base64.urlsafe_b64encode(hmac.digest(public, head.encode(), "sha256")).rstrip(b"=").decode()
    error = await refused(accounts, f"{head}.{signature}")
    assert (error.status, error.reason) == (401, "kubernetes: the signature is wrong")


@pytest.mark.parametrize(
    "token",
    [
        Issuer("rsa").token(),
        Issuer("ec", "ES256").token(),
        RSA.token(None, kid="ec"),
        EC.token(None, kid="rsa"),
        jwt.encode(pod_claims(), RSA.key, "RS512", headers={"kid": "rsa"}),
        jwt.encode(pod_claims(), RSA.key, "PS256", headers={"kid": "rsa"}),
    ],
    ids=["another RSA key", "another EC key", "RSA as EC", "EC as RSA", "RS512", "PS256"],
)
async def test_another_key_or_algorithm_is_refused(accounts: ServiceAccounts, token: str) -> None:
    error = await refused(accounts, token)
    assert (error.status, error.reason) == (401, "kubernetes: the signature is wrong")


async def test_claims_cannot_be_exchanged_under_a_signature(accounts: ServiceAccounts) -> None:
    head, _, signature = RSA.token().split(".")
    claims = pod_claims()
    claims["kubernetes.io"]["pod"]["uid"] = UID[:-1] + "c"
    body = unsigned({}, claims).split(".")[1]
    assert (await refused(accounts, f"{head}.{body}.{signature}")).reason == "kubernetes: the signature is wrong"


async def test_a_key_that_comes_with_the_token_is_not_used(accounts: ServiceAccounts) -> None:
    stranger = Issuer("mine")
    token = stranger.token(None, jwk=stranger.public(), jku="https://evil.example/keys")
    assert (await refused(accounts, token)).reason == "kubernetes: signed with a key that its issuer does not have"


@pytest.mark.parametrize("token", [None, 7, [], "", "ä", "x" * 20_000, "x", "a.b.c", "..", "e30.e30.", '{"a":1}'])
async def test_what_is_no_token(accounts: ServiceAccounts, token: object) -> None:
    assert (await refused(accounts, token)).status in (400, 401)


def weak() -> dict[str, Any]:
    issuer = Issuer("weak")
    issuer.key = rsa.generate_private_key(65537, 1024)
    return issuer.public()


@pytest.mark.parametrize(
    "key",
    [
        RSA.public(use="enc"),
        RSA.public(alg="HS256"),
        RSA.public(alg="RS512"),
        RSA.public(kty="oct", k="c2VjcmV0"),
        RSA.public(n="not base64!"),
        EC.public(crv="P-384"),
        weak(),
    ],
)
async def test_keys_that_are_not_fit_are_passed_over(tmp_path: Path, key: dict[str, Any]) -> None:
    file = tmp_path / "keys.json"
    file.write_text(jwks(key, EC.public(kid="fit")))
    keys = KeySet(ISSUER, from_file(file), FakeClock())
    assert await keys.key(key["kid"]) is None
    assert await keys.key("fit") is not None


@pytest.mark.parametrize(("left", "seconds"), [(600, 600), (86_400, 3_600)])
async def test_a_login_is_told_to_last_as_long_as_it_does(
    store: Store, keys_file: Path, left: int, seconds: int
) -> None:
    fields = {"hosts": (INGEST,), "kubernetes_issuers": (ISSUER,), "kubernetes_keys_file": keys_file}
    token = RSA.token(pod_claims(exp=NOW + left))
    async with client_of(store, FakeClock(), write_token=None, **fields) as client:
        answer = await client.post("/v1/login", json={"kubernetes": {"token": token}})
    assert answer.json()["expires_in"] == seconds


async def test_a_pod_logs_in_writes_for_itself_and_for_no_other(store: Store, keys_file: Path) -> None:
    fields = {"hosts": (INGEST,), "kubernetes_issuers": (ISSUER,), "kubernetes_keys_file": keys_file}
    pod = Pod("shop", "web-1", UID, service_account="web")

    def batch(pod: Pod) -> bytes:
        said = {name: value for name, value in pod._asdict().items() if value}
        told = plain(event(1), sensor=UID) | {"pod": said, "task": {"platform": "eks-fargate"}}
        return bytes(packb(told))

    async with client_of(store, FakeClock(), write_token=None, **fields) as client:
        answer = await client.post("/v1/login", json={"kubernetes": {"token": RSA.token()}})
        assert (answer.status_code, answer.json()["expires_in"]) == (200, 1200)
        headers = {"Authorization": f"Bearer {answer.json()['token']}", "Content-Type": "application/msgpack"}
        other = await client.post("/v1/batches", content=batch(pod._replace(uid=UID[:-1] + "c")), headers=headers)
        assert (other.status_code, other.json()["claim"]) == (403, "pod.uid")
        own = await client.post("/v1/batches", content=batch(pod), headers=headers)
        assert own.status_code == 202
        (task,) = (await client.get("/v1/tasks", headers=READING)).json()["tasks"]
    principal = f"{ISSUER}/namespaces/shop/serviceaccounts/web/pods/web-1/{UID}"
    assert (task["id"], task["identity"], task["sensors"][0]["principal"]) == (UID, "verified", principal)
