"""What a sensor shows the ingest to prove who it is; here the token of a pod's service account."""

from collections.abc import Mapping
from typing import Any, Protocol

from shippers import token_file


class Proof(Protocol):
    """Asked once for each login."""

    async def shown(self, ingest: str) -> Mapping[str, Any]:
        """The body of a login at the ingest of that host name. Raises `DeliveryError`."""
        ...

    def refused(self) -> None:
        """It did not convince: fetch what it is made of again."""
        ...

    def hide(self, text: str) -> str:
        """The text without secrets."""
        ...

    async def aclose(self) -> None:
        """Release what was opened. Safe to call at any time."""
        ...


class PodProof:
    """The token of the pod's service account, made for this ingest. It is read each time: the kubelet renews it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._token = ""

    async def shown(self, ingest: str) -> Mapping[str, Any]:  # noqa: ARG002 - the token has its audience already
        """See `Proof`."""
        self._token = token = token_file.read(self._path)
        return {"kubernetes": {"token": token}}

    def refused(self) -> None:
        """It is read again anyway."""

    def hide(self, text: str) -> str:
        """See `Proof`."""
        return text.replace(self._token, "<token>") if self._token else text

    async def aclose(self) -> None:
        """Nothing stays open."""
