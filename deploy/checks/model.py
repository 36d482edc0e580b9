"""What all readers reduce their documents to: tasks and pods with their containers, services, and policies.

Absent is None. What is there and known only at deployment is None as well, and its name, that of the ECS API, is in
`unknown`; the engine asks no check that looks at it.
"""

from typing import NamedTuple

from deploy.checks.marks import Path


class Variable(NamedTuple):
    """A variable whose value stands in the document; None where the value is only known at deployment."""

    name: str
    value: str | None
    path: Path


class Logging(NamedTuple):
    """Where the output of a container goes (ECS `logConfiguration`)."""

    driver: str | None
    mode: str | None
    buffer: str | None


class Mount(NamedTuple):
    """An EFS volume; transit encryption and IAM authorisation as the task definition has them."""

    name: str
    encrypted: bool
    iam: bool
    path: Path


class Container(NamedTuple):
    """A container; times in seconds, memory in MiB, CPU in units of which a vCPU has 1024."""

    name: str
    path: Path
    unknown: frozenset[str] = frozenset()
    image: str | None = None
    essential: bool = True
    runs_first: bool = False
    """An init container of a pod that ends before the others start."""
    user: str | None = None
    non_root: bool = False
    """`runAsNonRoot`: the kubelet refuses to run it as root."""
    read_only_root: bool = False
    privileged: bool = False
    added: tuple[str, ...] = ()
    environment: tuple[Variable, ...] = ()
    elsewhere: frozenset[str] | None = frozenset()
    """Names of variables whose values stand elsewhere, such as secrets; None where they may be any."""
    logging: Logging | None = None
    health_check: bool = False
    stop_timeout: int | None = None
    cpu: int | None = None
    memory: int | None = None
    reserved: int | None = None
    """`memoryReservation`."""
    log_router: bool = False
    """It has a `firelensConfiguration`: ECS starts it before all that log through it."""
    depends_on: tuple[tuple[str, str], ...] = ()
    """Pairs of a container's name and the condition."""
    volumes_from: tuple[str, ...] = ()
    """Names of containers; ECS creates these before it."""
    rejected: tuple[str, ...] = ()
    """What Fargate does not take, by name and without values."""


class Task(NamedTuple):
    """A task definition or a pod."""

    name: str
    path: Path
    pod: bool
    fargate: bool
    containers: tuple[Container, ...] = ()
    unknown: frozenset[str] = frozenset()
    cpu: str | None = None
    memory: str | None = None
    task_role: str | None = None
    execution_role: str | None = None
    shared_pids: bool = False
    host: tuple[str, ...] = ()
    """Namespaces shared with the host."""
    fault_injection: bool = False
    mounts: tuple[Mount, ...] = ()
    stop_timeout: int | None = None
    rejected: tuple[str, ...] = ()
    windows: bool = False
    empty: bool = False
    """Its list of containers is there and empty; one that is not there may come from elsewhere, as with a patch."""


class ExecLogs(NamedTuple):
    """Where a cluster puts the sessions of ECS Exec."""

    logging: str
    """NONE, DEFAULT or OVERRIDE."""
    destination: bool
    """OVERRIDE names a log group or a bucket."""
    drivers: tuple[str | None, ...] | None = None
    """The log drivers of the service's containers, among which DEFAULT looks for awslogs; None where unknown."""


class Service(NamedTuple):
    """An ECS service."""

    name: str
    path: Path
    unknown: frozenset[str] = frozenset()
    public_ip: bool = False
    exec_enabled: bool = False
    exec_logs: "ExecLogs | None" = None
    """Of the cluster in the same document, else unknown."""


class Statement(NamedTuple):
    """A statement of an inline policy that allows something; `Effect` is in `unknown` where it only may."""

    name: str
    path: Path
    unknown: frozenset[str] = frozenset()
    actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    all_but: bool = False
    """It names what it does not allow (`NotAction`)."""
    resources_but: bool = False
    """It names the resources that it is not about (`NotResource`)."""


Subject = Container | Task | Service | Statement
