"""Kubernetes manifests: the pods in Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, and in Lists."""

from collections.abc import Iterator
from typing import Any

from deploy.checks.model import Container, Task, Variable
from deploy.checks.section import UNKNOWN, Section
from deploy.kubernetes import GROUPS, TEMPLATES
from deploy.pod.operating_system import runs_on_linux

HOST = {"hostPID": "pid", "hostIPC": "ipc", "hostNetwork": "network"}

POD_FIELDS = {
    "shareProcessNamespace": "pidMode",
    "hostPID": "pidMode",
    "hostIPC": "ipcMode",
    "hostNetwork": "networkMode",
    "terminationGracePeriodSeconds": "stopTimeout",
}
FIELDS = {
    "image": "image",
    "securityContext.runAsUser": "user",
    "securityContext.runAsNonRoot": "user",
    "securityContext.windowsOptions": "user",
    "securityContext.readOnlyRootFilesystem": "readonlyRootFilesystem",
    "securityContext.privileged": "privileged",
    "securityContext.capabilities": "linuxParameters",
    "livenessProbe": "healthCheck",
    "readinessProbe": "healthCheck",
    "startupProbe": "healthCheck",
}


def rendered(value: Any) -> Any:
    """A value in which a chart's template left a hole is unknown, even where the whole happens to be YAML."""
    return UNKNOWN if isinstance(value, str) and "{{" in value else value


def pods(section: Section) -> Iterator[Task]:
    """The pods of one manifest; a List has no List in it."""
    if not (section.text("kind") or "").endswith("List"):
        yield from _pods(section)
    elif _is_of_kubernetes(section):
        for item in section.sections("items"):
            yield from _pods(item)


def _is_of_kubernetes(section: Section) -> bool:
    version = section.text("apiVersion")
    return version is None or version.startswith(GROUPS)


def _has_containers(content: Any, kind: str) -> bool:
    """Whether it is of the shape of Kubernetes' own kind, as some of other groups are (OpenKruise)."""
    for key in (*TEMPLATES[kind], "spec", "containers"):
        content = content.get(key) if isinstance(content, dict) else None
    return isinstance(content, list)


def _pods(section: Section) -> Iterator[Task]:
    kind = section.text("kind")
    if kind in TEMPLATES and (_is_of_kubernetes(section) or _has_containers(section.content, kind)):
        template = section
        for key in TEMPLATES[kind]:
            template = template.section(key)
        yield _pod(template, kind, section.section("metadata").text("name") or "without a name")


def _pod(template: Section, kind: str, name: str) -> Task:
    spec = template.section("spec").alone()
    labels = template.section("metadata").section("labels")
    selector = spec.section("nodeSelector")
    fargate = (
        labels.raw("eks.amazonaws.com/fargate-profile") is not None
        or selector.raw("eks.amazonaws.com/compute-type") == "fargate"
    )
    containers = [_container(one, spec, runs_first=_ends(one)) for one in spec.sections("initContainers")]
    containers += [_container(one, spec, runs_first=False) for one in spec.sections("containers")]
    return Task(
        name=f"{kind} {name}",
        path=spec.path,
        pod=True,
        fargate=fargate,
        containers=tuple(containers),
        shared_pids=bool(spec.flag("shareProcessNamespace")),
        host=tuple(name for key, name in HOST.items() if spec.flag(key)),
        stop_timeout=spec.number("terminationGracePeriodSeconds"),
        rejected=tuple(_rejected(spec, kind)),
        windows=not runs_on_linux(spec.content),
        empty=spec.raw("containers") == [],
        unknown=_unknown(POD_FIELDS, spec),
    )


def _ends(section: Section) -> bool:
    """A native sidecar (`restartPolicy: Always`) stays; every other init container ends."""
    return section.text("restartPolicy") != "Always"


def _container(section: Section, spec: Section, *, runs_first: bool) -> Container:
    section = section.alone()
    pod, security = spec.section("securityContext"), section.section("securityContext")
    non_root = security.flag("runAsNonRoot")
    added = tuple(sorted(security.section("capabilities").texts("add")))
    return Container(
        name=section.text("name") or "without a name",
        path=section.path,
        image=section.text("image"),
        runs_first=runs_first,
        user=_user(security) or _user(pod),
        non_root=bool(pod.flag("runAsNonRoot") if non_root is None else non_root),
        read_only_root=bool(security.flag("readOnlyRootFilesystem")),
        privileged=bool(security.flag("privileged")),
        added=added,
        environment=tuple(_environment(section)),
        elsewhere=_elsewhere(section),
        health_check=any(section.raw(key) for key in ("livenessProbe", "readinessProbe", "startupProbe")),
        rejected=tuple(_not_taken(section, added)),
        unknown=_unknown(FIELDS, section) | ({"user"} & _unknown(FIELDS, spec)),
    )


def _user(security: Section) -> str | None:
    """Windows has a name in place of the number."""
    return security.decided("runAsUser") or security.section("windowsOptions").decided("runAsUserName")


def _unknown(fields: dict[str, str], section: Section) -> frozenset[str]:
    """What is unknown in a section, by the names that checks go by: those of ECS."""
    names = section.unknown()
    return frozenset(
        ecs
        for field, ecs in fields.items()
        if any(one == field or one.startswith(f"{field}.") or field.startswith(f"{one}.") for one in names)
    )


def _environment(section: Section) -> Iterator[Variable]:
    for one in section.sections("env"):
        name = one.text("name")
        if name is not None and one.raw("valueFrom") is None:
            yield Variable(name, one.text("value") or "", one.path)


def _elsewhere(section: Section) -> frozenset[str] | None:
    names = frozenset(one.text("name") or "" for one in section.sections("env") if one.raw("valueFrom") is not None)
    return None if section.raw("envFrom") or {"env", "envFrom"} & section.unknown() else names


def _not_taken(section: Section, added: tuple[str, ...]) -> Iterator[str]:
    """On Fargate. Of capabilities only the one that a sensor has on ECS; the others have a check of their own."""
    for port in section.sections("ports"):
        if port.number("hostPort"):
            yield "hostPort"
    if "SYS_PTRACE" in added:
        yield "SYS_PTRACE"


def _rejected(spec: Section, kind: str) -> Iterator[str]:
    if kind == "DaemonSet":
        yield "a DaemonSet"
    for volume in spec.sections("volumes"):
        if volume.raw("hostPath"):
            yield f"hostPath of the volume {volume.text('name') or '?'}"
