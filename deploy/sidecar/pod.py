"""The sensor's container as Kubernetes writes it (Container, core/v1)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.sidecar.specification import NAME, SPOOL_DIR, VOLUME, HealthCheck, Sidecar

IDENTITY_VOLUME = "fargate-sensor-identity"
IDENTITY_DIR = "/var/run/secrets/fargate-sensor"
"""Where the sensor looks for its service account's token, the file `token`, and the pod's labels, the file `labels`."""
IDENTITY_S = 3600

FROM_POD = {
    "SENSOR_POD_NAMESPACE": "metadata.namespace",
    "SENSOR_POD_NAME": "metadata.name",
    "SENSOR_POD_UID": "metadata.uid",
    "SENSOR_NODE_NAME": "spec.nodeName",
    "SENSOR_SERVICE_ACCOUNT": "spec.serviceAccountName",
    "SENSOR_POD_CAPACITY": "metadata.annotations['CapacityProvisioned']",
}
"""Variables that the downward API fills; empty where a pod has no such annotation, as it has outside EKS Fargate."""

ROOT: Mapping[str, Any] = {
    "runAsUser": 0,
    "runAsGroup": 0,
    "runAsNonRoot": False,
    "privileged": False,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
}
"""Root, whatever the pod says for its containers, with the default capabilities: without those that its siblings hold
it could not read of them, and with any other a pod never gets onto Fargate."""


def same_uid(uid: int) -> dict[str, Any]:
    """What Pod Security `restricted` asks for, as the user of the app."""
    return {
        "runAsUser": uid,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container(
    sidecar: Sidecar,
    security: Mapping[str, Any],
    *,
    native: bool,
    secrets: Sequence[Mapping[str, Any]] = (),
    resources: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The container. `secrets` are entries of `env` that are no values."""
    environment = dict(sidecar.environment) | ({"SENSOR_SPOOL_DIR": SPOOL_DIR} if sidecar.spool else {})
    mounts: list[dict[str, Any]] = [{"name": VOLUME, "mountPath": SPOOL_DIR}] if sidecar.spool else []
    mounts.append({"name": IDENTITY_VOLUME, "mountPath": IDENTITY_DIR, "readOnly": True})
    return {
        "name": NAME,
        "image": sidecar.image,
        **({"args": list(sidecar.command)} if sidecar.command else {}),
        **({"restartPolicy": "Always"} if native else {}),
        "env": [
            *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in FROM_POD.items()),
            *({"name": name, "value": _literal(value)} for name, value in environment.items()),
            *map(dict, secrets),
        ],
        **({"resources": dict(resources)} if resources else {}),
        "volumeMounts": mounts,
        "livenessProbe": _probe(sidecar.health_check),
        "securityContext": dict(security),
    }


def volumes(*, spool: bool, audience: str | None) -> list[dict[str, Any]]:
    """The spool's, without a size limit, since a pod that passes one is evicted; and who the pod is.

    That is its labels, which no variable can hold, and a token where there is somebody who wants one.
    """
    token = {"audience": audience, "expirationSeconds": IDENTITY_S, "path": "token"}
    labels = {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}
    sources = [*([{"serviceAccountToken": token}] if audience else []), {"downwardAPI": labels}]
    return [
        *([{"name": VOLUME, "emptyDir": {}}] if spool else []),
        {"name": IDENTITY_VOLUME, "projected": {"sources": sources}},
    ]


def _literal(value: str) -> str:
    """Kubernetes expands `$(NAME)` in values, and makes of each `$$` one dollar (`expansion.Expand`).

    A `${NAME}` stays as it is, for whoever fills in manifests.
    """
    return re.sub(r"\$(?=[$(])", "$$", value)


def _probe(check: HealthCheck) -> dict[str, Any]:
    return {
        "exec": {"command": list(check.command)},
        "initialDelaySeconds": check.start_period_s,
        "periodSeconds": check.interval_s,
        "timeoutSeconds": check.timeout_s,
        "failureThreshold": check.retries,
    }
