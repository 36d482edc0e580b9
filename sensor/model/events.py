"""The event and its parts: immutable tuples, cheap to make, the same names as the public JSON and msgpack forms.

`None` means unknown; what could not be read is also named in `evidence.missing` with the reason. Text is
always valid Unicode: bytes from the kernel are decoded once, in `collectors.procfs`.
"""

from collections.abc import Mapping
from typing import NamedTuple, NewType, TypeVar

from sensor.model.kinds import Kind, Lane

SCHEMA = 1
"""The number of the schema that this version writes."""

Timestamp = NewType("Timestamp", int)
"""Nanoseconds since 1970-01-01 UTC; an RFC 3339 text with nine decimals in the JSON form."""


class Container(NamedTuple):
    """One container of the task. `id` is the runtime's, or `root-MAJOR:MINOR` where only its root device is known."""

    id: str
    name: str | None = None
    image: str | None = None
    image_id: str | None = None


class Ancestor(NamedTuple):
    """A process above another in the tree."""

    entity: str
    pid: int
    exe: str | None = None


class Process(NamedTuple):
    """One program in one process. `entity` identifies the process for ever; a PID alone identifies nothing.

    `start` is when the process was forked. `comm` is the kernel's 15-byte name, given only where `exe` is unknown.
    `uid` and `gid` are the effective ones: what power it runs with. `stdin` is the protocol, `tcp` for example, where
    its standard input was found to be a socket of the internet's protocols. `session` tells what entered the
    container from outside, and what that started: `exec`, `probe` (a health check), or `unclear` between the two.
    `drift` is true when the executable came after the container started. `preload` holds LD_PRELOAD,
    LD_LIBRARY_PATH and LD_AUDIT as NAME=value. `exit_code` is the wait status's code, or minus the signal.
    """

    entity: str
    pid: int
    ppid: int | None = None
    start: Timestamp | None = None
    exe: str | None = None
    comm: str | None = None
    args: tuple[str, ...] | None = None
    cwd: str | None = None
    uid: int | None = None
    gid: int | None = None
    user: str | None = None
    tty: str | None = None
    stdin: str | None = None
    session: str | None = None
    sha256: str | None = None
    drift: bool | None = None
    preload: tuple[str, ...] | None = None
    exit_code: int | None = None
    ancestors: tuple[Ancestor, ...] = ()


class File(NamedTuple):
    """A file as its container sees it. `size` in bytes, `mode` the full st_mode, `uid` its owner.

    `drift` is true for a program or a shared library that came, or was changed, after its container had started;
    `sha256` is given for those only. `actor_evidence` says by what the event's process is known to have done it:
    `descriptor` (it has the file open at its end, or has just opened it), `argument` (its arguments name the file),
    `alone` (it was the only process in the container). Where that is not known `actor_candidates` holds the entities of
    those that were there.
    """

    path: str
    old_path: str | None = None
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    actor_evidence: str | None = None
    actor_candidates: tuple[str, ...] = ()
    sha256: str | None = None
    drift: bool | None = None


class Network(NamedTuple):
    """A socket or a connection. `direction` is inbound, outbound or listen; `transport` tcp or udp.

    `src` is always the task's own end. `hostname` is the name whose DNS answer gave the address of `dst` last, whoever
    in the task had asked. `outcome` is established, refused, timed_out or reset. Bytes are payload bytes.
    `owner_evidence` is `descriptor` (the process was found holding the socket), `recent` (it was not, but it holds the
    listening socket, or held the last one to the same destination), or None where no owner is claimed. `scope` says
    where `dst` lies: loopback, link_local, private, public or multicast. `marks` are task_metadata, pod_identity and
    instance_metadata (endpoints that hand out credentials), and dns_bypass (a DNS server that the container is not
    configured to ask).
    """

    direction: str | None = None
    transport: str | None = None
    src: str | None = None
    src_port: int | None = None
    dst: str | None = None
    dst_port: int | None = None
    hostname: str | None = None
    outcome: str | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    duration_ms: float | None = None
    rtt_us: int | None = None
    retransmits: int | None = None
    owner_evidence: str | None = None
    scope: str | None = None
    marks: tuple[str, ...] = ()


class Dns(NamedTuple):
    """One DNS exchange. `answers` are texts such as `A 192.0.2.1`; `server` is the resolver's address."""

    question: str
    type: str
    rcode: str | None = None
    answers: tuple[str, ...] = ()
    server: str | None = None


class Detection(NamedTuple):
    """A Sigma rule that matched; `level` and `tags` are the rule's own."""

    rule_id: str
    title: str
    level: str
    author: str | None = None
    tags: tuple[str, ...] = ()


class Posture(NamedTuple):
    """A misconfiguration seen live in the event's container, and what would mend it (docs/posture.md).

    `found` is what it was found by: programs, names of variables, capabilities, or addresses; never a variable's value.
    """

    check: str
    title: str
    severity: str
    remedy: str | None = None
    found: tuple[str, ...] = ()


class Loss(NamedTuple):
    """Something that happened and is not told. `bound` is exact, at_most or unknown (then `count` is None)."""

    reason: str
    bound: str
    count: int | None = None  # type: ignore[assignment]  # hides tuple.count, which nobody calls on a Loss
    source: str | None = None


class CollectorHealth(NamedTuple):
    """How one collector stands: ok, degraded, unavailable, standby or restarting, and why when it is not ok.

    `figures` are numbers: of `file_inotify` how many watches it holds now, how many it may hold at most, and how many
    directories are not watched, by reason; of `detection` how many events the rules could not decide since the start of
    the sensor, because what they leave out was not read (`undecided:` and the rule's id, the 20 that have most).
    """

    status: str
    reason: str | None = None
    figures: Mapping[str, int] = {}


class Health(NamedTuple):
    """The sensor about itself, in sensor.start, sensor.heartbeat and sensor.stop.

    `interval_s` is what this report covers; `unexplained` the most processes, threads or failed forks that may
    have gone unseen in it, `seen` the new processes that were not, and `catch_rate` the least share of new processes
    that they are, from 0 to 1. `counters` and `losses` run since the start of the sensor. `cpu_percent` is of one core,
    `memory_bytes` the proportional set size of all the sensor's processes. `parked` lists why nothing is collected.
    `budget_used` is the share of the day's volume budget (SENSOR_DAILY_MB) that was sent, 1 for all of it.
    `given_up` is what the sensor does not do now, to keep to its budgets of CPU and memory (docs/architecture.md).
    `stop_added_s`, in sensor.stop, are the seconds that the sensor has lived on after the last other container of the
    task, or after SIGTERM where there was none.
    """

    uptime_s: float
    interval_s: float
    unexplained: int | None = None
    seen: int | None = None
    catch_rate: float | None = None
    counters: Mapping[str, int] = {}
    losses: Mapping[str, int] = {}
    collectors: Mapping[str, CollectorHealth] = {}
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    parked: tuple[str, ...] = ()
    budget_used: float | None = None
    stop_added_s: float | None = None
    given_up: tuple[str, ...] = ()


class Link(NamedTuple):
    """Another event (by its id) that belongs to this one, and how.

    `brought_by`: an event of the file that is run or preloaded here, when it came after its container had started;
    `changed_by`: the last one, if the file was changed since; `ran_as`: a run of the file that was told before the file
    was; `matched`: the event that a detection's rule matched, where that was told by itself, not folded or filtered.
    """

    event: str
    relation: str


class Missing(NamedTuple):
    """A field that could not be filled, and why: `denied`, `gone`, `unsupported` or a short text."""

    field: str
    reason: str


class Evidence(NamedTuple):
    """Where an event comes from, what it lacks, and which of its fields were cut short."""

    source: str
    missing: tuple[Missing, ...] = ()
    truncated: tuple[str, ...] = ()


class Event(NamedTuple):
    """One thing that happened. `seq` counts from 1 in its lane and is given last, when the event is encoded.

    `count` is how many occurrences were folded into this one.
    """

    kind: Kind
    time: Timestamp
    evidence: Evidence
    lane: Lane = Lane.ORDINARY
    seq: int = 0
    count: int = 1  # type: ignore[assignment]  # hides tuple.count, which nobody calls on an Event
    schema: int = SCHEMA
    container: Container | None = None
    process: Process | None = None
    file: File | None = None
    network: Network | None = None
    dns: Dns | None = None
    detection: Detection | None = None
    posture: Posture | None = None
    loss: Loss | None = None
    health: Health | None = None
    links: tuple[Link, ...] = ()


class Sensor(NamedTuple):
    """Who reports. `epoch` is new at each start; `config` is a digest of the configuration, secrets left out."""

    id: str
    epoch: str
    version: str
    config: str | None = None


class Task(NamedTuple):
    """The ECS task, or the docker task or host that stands in for one (`platform` says which)."""

    platform: str
    account: str | None = None
    region: str | None = None
    cluster: str | None = None
    arn: str | None = None
    family: str | None = None
    revision: str | None = None
    az: str | None = None


class Pod(NamedTuple):
    """The Kubernetes pod. `labels` are those that it had when the sensor started, up to 4 KiB of them."""

    namespace: str
    name: str
    uid: str
    node: str | None = None
    service_account: str | None = None
    labels: Mapping[str, str] = {}


class Header(NamedTuple):
    """What stands once in a batch: the sensor, and the task or pod it watches."""

    sensor: Sensor
    task: Task | None = None
    pod: Pod | None = None
    schema: int = SCHEMA


class Batch(NamedTuple):
    """A header and its events, as the wire has them."""

    header: Header
    events: tuple[Event, ...]


Record = TypeVar("Record", bound=tuple[object, ...])


def with_field(record: Record, at: int, value: object) -> Record:
    """`_replace` of one field by its position, in half the time: what is done to nearly every event uses it."""
    return tuple.__new__(type(record), (*record[:at], value, *record[at + 1 :]))
