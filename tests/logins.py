"""Logins as sensors make them, and issuers of service account tokens, for the tests of both ends."""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fake_sts import SESSION, Session
from fakes import START

from sensor.model.clock import Clock
from sensor.model.times import NS
from shippers.aws_client import Aws
from shippers.aws_proof import AwsProof

INGEST = "ingest.example.org"
REGION = "eu-central-1"
ACCOUNT, TASK = "123456789012", "55091c13b8cf4801b527f4601742204d"
ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
UID = "0b8f4a5e-1c2d-4e3f-8a9b-0c1d2e3f4a5b"
NOW = START // NS
AWS_LOGINS = {"hosts": (INGEST,), "aws_accounts": (ACCOUNT,)}


async def aws_login(
    clock: Clock, ingest: str = INGEST, session: Session = SESSION, region: str = REGION
) -> dict[str, Any]:
    """The body of a login with the credentials of a role, signed by the sensor's own code."""
    keys = {
        "AWS_ACCESS_KEY_ID": session.key,
        "AWS_SECRET_ACCESS_KEY": session.secret,
        "AWS_SESSION_TOKEN": session.token,
    }
    proof = AwsProof(Aws(region, keys, clock))
    try:
        return dict(await proof.shown(ingest))
    finally:
        await proof.aclose()


class Issuer:
    """Has a key, by a name, and signs tokens with it."""

    def __init__(self, name: str = "k1", kind: str = "RS256") -> None:
        self.name = name
        self.kind = kind
        self.key: Any = ec.generate_private_key(ec.SECP256R1())
        if kind == "RS256":
            self.key = rsa.generate_private_key(65537, 2048)

    def public(self, **changes: Any) -> dict[str, Any]:
        """Its key in a JWKS."""
        maker = jwt.algorithms.RSAAlgorithm if self.kind == "RS256" else jwt.algorithms.ECAlgorithm
        named = {"kid": self.name, "use": "sig", "alg": self.kind}
        return dict(json.loads(maker.to_jwk(self.key.public_key())) | named | changes)

    def token(self, claims: dict[str, Any] | None = None, **header: Any) -> str:
        """A token of these claims, a pod's by default."""
        body = json.dumps(claims or pod_claims()).encode()
        return jwt.api_jws.encode(body, self.key, self.kind, headers={"typ": "JWT", "kid": self.name} | header)


def pod_claims(**changes: Any) -> dict[str, Any]:
    """What a projected token of a pod says, at the time of a `FakeClock`; None takes a claim away."""
    bound = {
        "namespace": "shop",
        "pod": {"name": "web-1", "uid": UID},
        "serviceaccount": {"name": "web", "uid": "9b8f4a5e-1c2d-4e3f-8a9b-0c1d2e3f4a5b"},
    }
    claims = {
        "iss": ISSUER,
        "aud": [INGEST],
        "sub": "system:serviceaccount:shop:web",
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 1200,
        "kubernetes.io": bound,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def jwks(*keys: dict[str, Any]) -> str:
    """The text of a file of keys."""
    return json.dumps({"keys": list(keys)})
