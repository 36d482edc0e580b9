"""What is asked of an injection into pods, for all pods; annotations of a pod are laid over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.sidecar.destinations import Destination, environment

Mode = Literal["auto", "native", "ordinary"]
"""An init container that is restarted and outlives the others, or an ordinary container. `auto`: by the version."""
Security = Literal["root", "same-uid"]
"""Root with the default capabilities, which sees all; or the app's own user, as Pod Security `restricted` wants it."""

NATIVE_SINCE = (1, 29)
"""The first version of Kubernetes that has native sidecars unless they are turned off (KEP-753)."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of a secret in the pod's own namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `fargate-sensor inject pod`, and of the webhook."""

    image: str
    destinations: tuple[Destination, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """More `SENSOR_*` variables."""
    mode: Mode = "auto"
    cluster_version: tuple[int, int] | None = None
    """Of Kubernetes; None where it is not known."""
    security: Security = "root"
    token_secret: SecretKey | None = None
    """Holds the ingest's write token. None: the pod shows a token of its service account (docs/identity.md)."""
    spool: bool = True
    resources: Mapping[str, Any] = field(default_factory=dict)
    """Requests and limits. None by default: on Fargate, requests decide the pod's size and its price."""
    pull_secrets: tuple[str, ...] = ()
    """Names of secrets in the pod's own namespace with which the sensor's image is pulled."""
    opt_in: bool = False
    """Whether only pods that ask for it get the sensor."""

    def said(self) -> dict[str, str]:
        """The variables that are wished for, those of the destinations among them."""
        return environment(self.destinations) | dict(self.variables)
