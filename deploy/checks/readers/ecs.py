"""ECS task definitions, services and clusters, in the spelling of the API, of CloudFormation or of Terraform.

Source: the API reference of RegisterTaskDefinition and CreateService.
"""

from typing import Any

from deploy.checks.holes import has_hole
from deploy.checks.model import Container, ExecLogs, Logging, Mount, Service, Task, Variable
from deploy.checks.readers import ecs_rejected
from deploy.checks.section import UNKNOWN, Section


def task(section: Section, containers: list[Container] | None = None, name: str | None = None) -> Task:
    """A task definition; `containers` where they stand elsewhere than in it."""
    if containers is None:
        containers = [container(one) for one in section.sections("containerDefinitions")]
    hosts = [key for key in ("pidMode", "ipcMode", "networkMode") if section.decided(key) == "host"]
    system = section.section("runtimePlatform").decided("operatingSystemFamily") or ""
    return Task(
        name=f"task {name or section.text('family') or 'without a family'}",
        path=section.path,
        pod=False,
        fargate=_on_fargate(section),
        containers=tuple(containers),
        cpu=section.decided("cpu"),
        memory=section.decided("memory"),
        task_role=section.text("taskRoleArn"),
        execution_role=section.text("executionRoleArn"),
        shared_pids=section.decided("pidMode") == "task",
        host=tuple(hosts),
        fault_injection=bool(section.flag("enableFaultInjection")),
        mounts=tuple(_mounts(section)),
        rejected=tuple(ecs_rejected.of_task(section)),
        windows=system.upper().startswith("WINDOWS"),
        empty=section.raw("containerDefinitions") in ([], "[]"),  # Terraform has them as JSON
        unknown=frozenset(n for n in section.reading.unknown if not n.startswith("containerDefinitions.")),
    )


def container(section: Section) -> Container:
    """A container definition."""
    section = section.alone()
    capabilities = section.section("linuxParameters").section("capabilities")
    made = Container(
        name=section.text("name") or "without a name",
        path=section.path,
        image=section.text("image"),
        essential=section.flag("essential") is not False,
        user=section.decided("user"),
        read_only_root=bool(section.flag("readonlyRootFilesystem")),
        privileged=bool(section.flag("privileged")),
        added=tuple(sorted(capabilities.texts("add"))),
        environment=tuple(_environment(section)),
        elsewhere=_elsewhere(section),
        logging=_logging(section),
        health_check=bool(section.raw("healthCheck")),
        stop_timeout=section.number("stopTimeout"),
        cpu=section.number("cpu"),
        memory=section.number("memory"),
        reserved=section.number("memoryReservation"),
        log_router=bool(section.raw("firelensConfiguration")),
        depends_on=tuple(
            (d.text("containerName") or "", d.text("condition") or "") for d in section.sections("dependsOn")
        ),
        volumes_from=tuple(v.text("sourceContainer") or "" for v in section.sections("volumesFrom")),
        rejected=tuple(ecs_rejected.of_container(section)),
    )
    return made._replace(unknown=frozenset(_open(section)))


def service(section: Section, name: str, exec_logs: ExecLogs | None) -> Service:
    """A service; `exec_logs` are those of its cluster, None where the cluster is not in the document."""
    network = section.section("networkConfiguration")
    inner = network.section("awsvpcConfiguration")
    public = (inner if inner.content else network).whole("assignPublicIp")
    exec_enabled = bool(section.flag("enableExecuteCommand"))
    unknown = set(section.reading.unknown)
    if exec_enabled and exec_logs is None:
        unknown.add("cluster")
    elif exec_enabled and exec_logs is not None and exec_logs.logging == "DEFAULT" and exec_logs.drivers is None:
        unknown.add("taskDefinition")
    return Service(
        name=f"service {name}",
        path=section.path,
        unknown=frozenset(unknown),
        public_ip=public is True or public == "ENABLED",
        exec_enabled=exec_enabled,
        exec_logs=exec_logs,
    )


def exec_logs(section: Section, task: Task | None) -> ExecLogs | None:
    """How a cluster logs the sessions of ECS Exec in `task`, None where only the deployment knows.

    DEFAULT is what the API takes where nothing is said, and means the awslogs configuration of the task.
    """
    configuration = section.section("configuration").section("executeCommandConfiguration")
    logging = configuration.decided("logging") or "DEFAULT"
    log = configuration.section("logConfiguration")
    destination = any(log.raw(key) for key in ("cloudWatchLogGroupName", "s3BucketName"))
    if any("logConfiguration." not in name for name in section.reading.unknown):
        return None
    named = destination or bool(section.reading.unknown)
    return ExecLogs(logging, named, None if task is None else _drivers(task))


def _drivers(task: Task) -> tuple[str | None, ...] | None:
    unsure = "containerDefinitions" in task.unknown or any(
        name.startswith("logConfiguration") for one in task.containers for name in one.unknown
    )
    return None if unsure else tuple(one.logging.driver if one.logging else None for one in task.containers)


def _on_fargate(section: Section) -> bool:
    """As declared; where nothing is, a task that has its own size and its own network interface is taken for one."""
    declared = section.texts("requiresCompatibilities") or section.texts("compatibilities")
    if declared:
        return "FARGATE" in declared
    return section.decided("networkMode") == "awsvpc" and section.decided("cpu") is not None


def _open(section: Section) -> Any:
    """What is unknown of a container. One variable that only the deployment knows leaves the others to be judged."""
    listed = isinstance(section.raw("environment"), list)
    return (name for name in section.unknown() if not (listed and name.partition(".")[0] == "environment"))


def _environment(section: Section) -> Any:
    for one in section.sections("environment"):
        name = one.text("name")
        if name is not None:
            yield Variable(name, one.text("value"), one.path)


def _elsewhere(section: Section) -> frozenset[str] | None:
    names = frozenset(one.text("name") or "" for one in section.sections("secrets"))
    files = section.raw("environmentFiles")
    return None if files or {"environment", "environmentFiles", "secrets"} & section.unknown() else names


def _logging(section: Section) -> Logging | None:
    if section.raw("logConfiguration") is None:
        return None
    log = section.section("logConfiguration")
    options = log.raw("options")
    options = options if isinstance(options, dict) else {}
    mode, size = (log.reading.resolve(options.get(key)) for key in ("mode", "max-buffer-size"))
    if UNKNOWN in (mode, size) or has_hole(mode):
        log.reading.unknown.add("logConfiguration.options")
    return Logging(log.decided("logDriver"), *(one if isinstance(one, str) else None for one in (mode, size)))


def _mounts(section: Section) -> Any:
    for volume in section.sections("volumes"):
        efs = volume.section("efsVolumeConfiguration")
        if efs.content:
            iam = efs.section("authorizationConfig").decided("iam") == "ENABLED"
            yield Mount(volume.text("name") or "", efs.decided("transitEncryption") == "ENABLED", iam, efs.path)
