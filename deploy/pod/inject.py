"""A pod goes in, a JSON Patch comes out. Nothing is read or written elsewhere, and the pod is not changed."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from deploy.pod import annotations, facts, left_alone
from deploy.pod.audience import audience, doubt
from deploy.pod.effects import effects
from deploy.pod.patch import Add
from deploy.pod.scaling import unscalable
from deploy.pod.wishes import NATIVE_SINCE, Wishes
from deploy.sidecar import destinations
from deploy.sidecar import pod as written
from deploy.sidecar.specification import Sidecar
from deploy.sidecar.variables import TOKEN, Mistake, mistake_in_pod

NOBODY = 65532
"""The user of a sensor that must not be root where no container says its own: `nonroot` of distroless images."""

PARKED = "a destination of the sensor needs it, and without it nothing is collected"
OF_THE_NODE = (
    "hostNetwork: connections and DNS queries of the whole node are seen and told as this pod's, without a process; "
    'the annotation fargate-sensor/env.SENSOR_NETWORK: "false" leaves them out'
)


class Injection(NamedTuple):
    """What to change, nothing where the pod is left alone; and what to tell whoever made it, a line each."""

    patch: tuple[Add, ...]
    warnings: tuple[str, ...] = ()
    left_alone: str | None = None
    """The short name of the reason (`deploy.pod.left_alone`)."""
    notes: tuple[str, ...] = ()
    """What was decided and could be decided otherwise, a line each."""

    def documents(self) -> list[dict[str, Any]]:
        """The patch as RFC 6902 writes it."""
        return [one.document() for one in self.patch]


def inject(pod: Mapping[str, Any], wishes: Wishes, mistake: Mistake = mistake_in_pod) -> Injection:
    """The patch for a pod, or for the template of one. Any JSON object is taken; what is no pod is left alone.

    `mistake` says what is wrong with a variable that the pod asks for.
    """
    reason = left_alone.reason(pod, opt_in=wishes.opt_in)
    metadata = pod.get("metadata") or {}
    if reason is not None:
        # The API server asks again where another webhook has changed a pod, after ours has put the sensor into it.
        ours = reason.name == "injected" and annotations.STATUS in (metadata.get("annotations") or {})
        return Injection((), () if ours else (f"no sensor was put into this pod: {reason.text}",), reason.name)
    wishes, told = annotations.overridden(wishes, metadata, mistake)
    spec = pod["spec"]
    native = is_native(wishes)
    security, lines = _security(spec, wishes)
    container = _container(spec, wishes, security, native=native)
    volumes = written.volumes(spool=wishes.spool, audience=audience(wishes))
    status = f"{'native' if native else 'ordinary'} {wishes.security}"
    patch = (
        *_into_spec(spec, container, volumes, native=native),
        *_missing(spec, "imagePullSecrets", [{"name": name} for name in wishes.pull_secrets]),
        *_annotation(pod, status),
    )
    line = unscalable(spec, wishes.resources)
    told += [f"{name} is not set: {PARKED}" for name in destinations.lacking(wishes.said())]
    if (untold := doubt(wishes)) is not None:
        told.append(untold)
    if spec.get("hostNetwork") is True and wishes.variables.get("SENSOR_NETWORK") is None:
        told.append(OF_THE_NODE)
    return Injection(patch, (*told, *lines, *effects(spec)), notes=(line,) if line is not None else ())


def is_native(wishes: Wishes) -> bool:
    """Whether the sensor becomes an init container that is restarted; a version that is not known has none."""
    if wishes.mode == "auto":
        return wishes.cluster_version is not None and wishes.cluster_version >= NATIVE_SINCE
    return wishes.mode == "native"


def _security(spec: Mapping[str, Any], wishes: Wishes) -> tuple[Mapping[str, Any], list[str]]:
    if wishes.security == "root":
        return written.ROOT, []
    uid = facts.uid(spec)
    lines = ["the sensor runs without root and sees whole only the processes of its own user"]
    if uid is None:
        lines = [f"no container says its user by number: the sensor runs as {NOBODY} and reads little of the others"]
    return written.same_uid(NOBODY if uid is None else uid), lines


def _container(spec: Mapping[str, Any], wishes: Wishes, security: Mapping[str, Any], *, native: bool) -> dict[str, Any]:
    ends = not native and spec.get("restartPolicy") in ("Never", "OnFailure")
    environment = {
        **facts.of(spec),
        **({"SENSOR_EXIT_WHEN_ALONE": "true"} if ends else {}),
        **destinations.environment(wishes.destinations),
        **wishes.variables,
        **facts.stop_deadline(spec, wishes.variables),
    }
    secret = wishes.token_secret
    reference = {"secretKeyRef": {"name": secret.name, "key": secret.key, "optional": True}} if secret else None
    return written.container(
        Sidecar(image=wishes.image, environment=environment, spool=wishes.spool, capabilities=()),
        security,
        native=native,
        secrets=[{"name": TOKEN, "valueFrom": reference}] if reference else [],
        resources=wishes.resources,
    )


def _into_spec(
    spec: Mapping[str, Any], container: dict[str, Any], volumes: list[dict[str, Any]], *, native: bool
) -> Iterator[Add]:
    """A native sidecar comes first and sees the init containers; another one last, so that none changes its place."""
    if spec.get("shareProcessNamespace") is not True:
        yield Add(("spec", "shareProcessNamespace"), True)
    if not native:
        yield Add(("spec", "containers", "-"), container)
    elif spec.get("initContainers"):
        yield Add(("spec", "initContainers", 0), container)
    else:
        yield Add(("spec", "initContainers"), [container])
    yield from _missing(spec, "volumes", volumes)


def _missing(spec: Mapping[str, Any], key: str, wanted: list[dict[str, Any]]) -> Iterator[Add]:
    """What a list with names does not have yet."""
    there = [one.get("name") for one in spec.get(key) or ()]
    missing = [one for one in wanted if one["name"] not in there]
    if missing and not spec.get(key):
        yield Add(("spec", key), missing)
    else:
        yield from (Add(("spec", key, "-"), one) for one in missing)


def _annotation(pod: Mapping[str, Any], status: str) -> Iterator[Add]:
    metadata = pod.get("metadata")
    if not metadata:
        yield Add(("metadata",), {"annotations": {annotations.STATUS: status}})
    elif not metadata.get("annotations"):
        yield Add(("metadata", "annotations"), {annotations.STATUS: status})
    else:
        yield Add(("metadata", "annotations", annotations.STATUS), status)
