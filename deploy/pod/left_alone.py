"""Which pods are left as they are, and why."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from deploy.pod.annotations import asked
from deploy.pod.operating_system import runs_on_linux
from deploy.sidecar.specification import NAME

MIRROR = "kubernetes.io/config.mirror"
SOURCE = "kubernetes.io/config.source"
"""Where a kubelet has the pod from; `api`, or nothing, for pods that the API server made."""
LISTS = ("containers", "initContainers", "volumes", "imagePullSecrets")


class Reason(NamedTuple):
    """Why a pod gets no sensor: a name from this module, for counters, and a text for people."""

    name: str
    text: str


def reason(pod: Mapping[str, Any], *, opt_in: bool) -> Reason | None:
    """Why this pod gets no sensor; None where it gets one. A pod that is none is left alone as well."""
    if (wrong := malformed(pod)) is not None:
        return Reason("malformed", wrong)
    return _unwanted(pod.get("metadata") or {}, opt_in=opt_in) or _impossible(pod)


def malformed(pod: Mapping[str, Any]) -> str | None:
    """What is no pod's shape, None where it is sound as far as injection looks."""
    metadata, spec = pod.get("metadata"), pod.get("spec")
    if not isinstance(spec, Mapping):
        return "spec is no object"
    if not isinstance(metadata, Mapping | None):
        return "metadata is no object"
    for key in ("annotations", "labels"):
        if metadata and not isinstance(metadata.get(key), Mapping | None):
            return f"metadata.{key} is no object"
    for key in LISTS:
        listed = spec.get(key)
        if not isinstance(listed, list | None) or not all(isinstance(one, Mapping) for one in listed or ()):
            return f"spec.{key} is no list of objects"
    return None if spec.get("containers") else "spec.containers is empty"


def _unwanted(metadata: Mapping[str, Any], *, opt_in: bool) -> Reason | None:
    annotations = metadata.get("annotations") or {}
    if MIRROR in annotations or annotations.get(SOURCE, "api") != "api":
        return Reason("static", "it is a static pod, which a kubelet runs from a file of its own")
    wanted = asked(metadata)
    if wanted is False:
        return Reason("opted_out", "it asks for no sensor")
    return Reason("not_opted_in", "it does not ask for the sensor") if opt_in and wanted is None else None


def _impossible(pod: Mapping[str, Any]) -> Reason | None:
    spec, metadata = pod["spec"], pod.get("metadata") or {}
    if not runs_on_linux(spec):
        return Reason("not_linux", "it does not run on Linux")
    if spec.get("hostPID"):
        return Reason(
            "host_pid", "hostPID shows it all processes of the node, and no PID namespace of its own could be shared"
        )
    if any(one.get("name") == NAME for key in LISTS[:2] for one in spec.get(key) or ()):
        return Reason("injected", f"it has a container {NAME} already")
    if spec.get("shareProcessNamespace") is False and not asked(metadata):
        return Reason(
            "not_shared",
            'it says shareProcessNamespace: false; the annotation fargate-sensor/inject: "true" overrules that',
        )
    return None
