"""ECS task definitions, services and clusters, in the spelling of the API, of CloudFormation or of Terraform.

Source: the API reference of RegisterTaskDefinition and CreateService.
"""

from typing import Any

from deploy.checks.model import Container, Logging, Mount, Service, Task, Variable
from deploy.checks.section import Section
from deploy.fargate import NOT_TAKEN, NOT_TAKEN_LINUX


def task(section: Section, containers: list[Container] | None = None, name: str | None = None) -> Task:
    """A task definition; `containers` where they stand elsewhere than in it."""
    if containers is None:
        containers = [container(one) for one in section.sections("containerDefinitions")]
    hosts = [key for key in ("pidMode", "ipcMode", "networkMode") if section.text(key) == "host"]
    system = section.section("runtimePlatform").text("operatingSystemFamily") or ""
    return Task(
        name=f"task {name or section.text('family') or 'without a family'}",
        path=section.path,
        pod=False,
        fargate=_on_fargate(section),
        containers=tuple(containers),
        cpu=section.text("cpu"),
        memory=section.text("memory"),
        task_role=section.text("taskRoleArn"),
        execution_role=section.text("executionRoleArn"),
        shared_pids=section.text("pidMode") == "task",
        host=tuple(hosts),
        fault_injection=bool(section.flag("enableFaultInjection")),
        mounts=tuple(_mounts(section)),
        rejected=tuple(_rejected_volumes(section)),
        windows=system.upper().startswith("WINDOWS"),
        unknown=frozenset(n for n in section.reading.unknown if not n.startswith("containerDefinitions.")),
    )


def container(section: Section) -> Container:
    """A container definition."""
    before = set(section.reading.unknown)
    capabilities = section.section("linuxParameters").section("capabilities")
    made = Container(
        name=section.text("name") or "without a name",
        path=section.path,
        image=section.text("image"),
        essential=section.flag("essential") is not False,
        user=section.text("user"),
        read_only_root=bool(section.flag("readonlyRootFilesystem")),
        privileged=bool(section.flag("privileged")),
        added=tuple(sorted(capabilities.texts("add"))),
        environment=tuple(_environment(section)),
        logging=_logging(section),
        health_check=bool(section.raw("healthCheck")),
        stop_timeout=section.number("stopTimeout"),
        memory=section.number("memory"),
        depends_on=tuple(
            (d.text("containerName") or "", d.text("condition") or "") for d in section.sections("dependsOn")
        ),
        rejected=tuple(_rejected(section)),
    )
    prefix = "containerDefinitions."
    return made._replace(unknown=frozenset(name.removeprefix(prefix) for name in section.reading.unknown - before))


def service(section: Section, name: str, exec_logging: str | None) -> Service:
    """A service; `exec_logging` is that of its cluster, None where the cluster is not in the document."""
    network = section.section("networkConfiguration")
    inner = network.section("awsvpcConfiguration")
    public = (inner if inner.content else network).raw("assignPublicIp")
    unknown = set(section.reading.unknown) | ({"cluster"} if exec_logging is None else set())
    return Service(
        name=f"service {name}",
        path=section.path,
        unknown=frozenset(unknown),
        public_ip=public is True or public == "ENABLED",
        exec_enabled=bool(section.flag("enableExecuteCommand")),
        exec_logging=exec_logging,
    )


def cluster_logging(section: Section) -> str:
    """How the sessions of ECS Exec in a cluster are logged; DEFAULT is what the API takes where nothing is said."""
    return section.section("configuration").section("executeCommandConfiguration").text("logging") or "DEFAULT"


def _on_fargate(section: Section) -> bool:
    """As declared; where nothing is, a task that has its own size and its own network interface is taken for one."""
    declared = section.texts("requiresCompatibilities") or section.texts("compatibilities")
    if declared:
        return "FARGATE" in declared
    return section.text("networkMode") == "awsvpc" and section.text("cpu") is not None


def _environment(section: Section) -> Any:
    for one in section.sections("environment"):
        name = one.text("name")
        if name is not None:
            yield Variable(name, one.text("value"), one.path)


def _logging(section: Section) -> Logging | None:
    if section.raw("logConfiguration") is None:
        return None
    log = section.section("logConfiguration")
    options = log.raw("options")
    options = options if isinstance(options, dict) else {}
    mode, size = (log.reading.resolve(options.get(key)) for key in ("mode", "max-buffer-size"))
    return Logging(log.text("logDriver"), *(one if isinstance(one, str) else None for one in (mode, size)))


def _mounts(section: Section) -> Any:
    for volume in section.sections("volumes"):
        efs = volume.section("efsVolumeConfiguration")
        if efs.content:
            iam = efs.section("authorizationConfig").text("iam") == "ENABLED"
            yield Mount(volume.text("name") or "", efs.text("transitEncryption") == "ENABLED", iam, efs.path)


def _rejected_volumes(section: Section) -> Any:
    for volume in section.sections("volumes"):
        name = volume.text("name") or "?"
        if volume.raw("dockerVolumeConfiguration"):
            yield f"dockerVolumeConfiguration of the volume {name}"
        if volume.section("host").text("sourcePath") or volume.text("hostPath"):
            yield f"host.sourcePath of the volume {name}"
    if section.raw("placementConstraints"):
        yield "placementConstraints"


def _rejected(section: Section) -> Any:
    yield from (key for key in NOT_TAKEN if section.raw(key))
    linux = section.section("linuxParameters")
    yield from (f"linuxParameters.{key}" for key in NOT_TAKEN_LINUX if linux.raw(key))
    if any(one.text("type") == "GPU" for one in section.sections("resourceRequirements")):
        yield "resourceRequirements of type GPU"
