"""A Kubernetes service account's projected token, verified by the keys of its issuer.

Kubernetes documentation, "Managing Service Accounts": the token is a JWT whose claim `kubernetes.io` names the pod that
it is bound to. PyJWT does the cryptography; which algorithm is used follows from the key, never from the token alone.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import jwt

from ingest.answers import Refused
from ingest.identity.jwks import KeySet
from ingest.identity.principal import PodPrincipal
from sensor.model.clock import Clock
from sensor.model.times import NS

SKEW_S = 60
LONGEST = 16 * 1024
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Verified(NamedTuple):
    """The pod, and for how many seconds from now its token is good."""

    pod: PodPrincipal
    seconds: int


class ServiceAccounts:
    """Verifies tokens of the issuers whose keys it has. `names` are those of this ingest; `admitted` are globs."""

    def __init__(
        self, keys: Mapping[str, KeySet], names: tuple[str, ...], admitted: tuple[str, ...], clock: Clock
    ) -> None:
        self._keys = keys
        self._names = names
        self._admitted = admitted
        self._clock = clock

    async def verified(self, token: object) -> Verified:
        """Raises `Refused`: 400 for what is no token, 401 for a wrong one, 403 who is not let in, 503 without keys."""
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST or not token.isascii():
            raise Refused(400, f"kubernetes.token: should be a token of at most {LONGEST} ASCII characters")
        issuer, name = _unverified(token)
        if issuer not in self._keys:
            raise Refused(401, "kubernetes: its issuer is none of INGEST_KUBERNETES_ISSUERS")
        key = await self._keys[issuer].key(name)
        if key is None:
            raise Refused(401, "kubernetes: signed with a key that its issuer does not have")
        claims = self._claims(token, key, issuer)
        pod = _pod(issuer, claims)
        account = f"{pod.namespace}/{pod.service_account}"
        if not any(fnmatchcase(account, glob) for glob in self._admitted):
            raise Refused(403, f"kubernetes: {account} matches none of INGEST_KUBERNETES_SERVICE_ACCOUNTS")
        return Verified(pod, max(1, int(claims["exp"]) - self._now()))

    def _claims(self, token: str, key: jwt.PyJWK, issuer: str) -> dict[str, Any]:
        """The claims once the signature is right. Times are looked at here: PyJWT has a clock of its own."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=issuer,
                audience=self._names,
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise Refused(401, f"kubernetes: {_why(error)}") from None
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        if not all(type(value) in (int, float) and 0 <= value < 2**53 for value in times.values()):
            raise Refused(401, "kubernetes: exp, nbf and iat should be times")
        if times["exp"] <= now - SKEW_S:
            raise Refused(401, "kubernetes: the token has ended; the sensor reads its file again by itself")
        if max(times.get("nbf", 0), times["iat"]) > now + SKEW_S:
            raise Refused(401, "kubernetes: the token is not good yet: check the clocks")

    def _now(self) -> int:
        return self._clock.wall() // NS


def _unverified(token: str) -> tuple[str, str]:
    """Issuer and name of the key as the token has them, only to find the key with."""
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, RecursionError):
        raise Refused(400, "kubernetes.token: is no JWT") from None
    return str(claims.get("iss")), str(header.get("kid"))


def _why(error: jwt.PyJWTError) -> str:
    """One line that repeats nothing of the token."""
    if isinstance(error, jwt.InvalidAudienceError):
        return "the token is meant for another audience; it should be a name in INGEST_HOSTS"
    if isinstance(error, jwt.InvalidSignatureError | jwt.InvalidAlgorithmError | jwt.InvalidKeyError):
        return "the signature is wrong"
    return f"the token is refused ({type(error).__name__})"


def _pod(issuer: str, claims: Mapping[str, Any]) -> PodPrincipal:
    """The pod that the token is bound to; a token that lives on without its pod proves none."""
    bound = _object(claims.get("kubernetes.io"))
    namespace, pod = bound.get("namespace"), _object(bound.get("pod"))
    account = _object(bound.get("serviceaccount")).get("name")
    names = (namespace, account, pod.get("name"))
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise Refused(403, "kubernetes: the token is not bound to a pod: project it into the pod")
    uid = pod.get("uid")
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise Refused(403, "kubernetes: the token names no pod's uid")
    if claims["sub"] != f"system:serviceaccount:{namespace}:{account}":
        raise Refused(401, "kubernetes: the token contradicts itself about the service account")
    return PodPrincipal(issuer, str(namespace), str(account), str(pod["name"]), uid)


def _object(plain: object) -> Mapping[str, Any]:
    return plain if isinstance(plain, dict) else {}
