"""The settings of the sidecar: one definition for the environment, the command line and the documents.

Standard library and `annotated_types` only, so that the first stage is soon done; what checks the constraints there is
`sensor.config.validate`. The second stage has the values without it.
"""

from dataclasses import Field, dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen, doc

KIB = 1024
MIB = 1024 * KIB

Destination = Literal["ingest_http", "stdout", "kinesis", "firehose", "sqs", "s3"]
Format = Literal["native", "ocsf"]
IngestIdentity = Literal["auto", "aws", "kubernetes", "token"]
Level = Literal["debug", "info", "warning", "error"]
DroppableKind = Literal[
    "process.exec",
    "process.exit",
    "process.identity",
    "file.create",
    "file.modify",
    "file.delete",
    "file.rename",
    "file.attributes",
    "file.open",
    "network.connect",
    "network.listen",
    "network.flow",
    "dns.query",
    "container.start",
    "container.stop",
    "posture",
]
"""All kinds but detections and what the sensor says of itself."""
Text = Annotated[str, MaxLen(4096)]
Label = Annotated[str, MaxLen(253)]
Secret = Annotated[str, MaxLen(16 * KIB)]
Command = Annotated[tuple[Text, ...], MinLen(1), MaxLen(256)]
"""The arguments of a command, its program first."""
NameAndImage = Annotated[tuple[Text, ...], MinLen(2), MaxLen(2)]


@dataclass(frozen=True, slots=True)
class Settings:
    """What users set. Each field is `SENSOR_<NAME>` in the environment and `--<name>` on the command line.

    A field without a repr is a secret: it stands in no message, digest, command line or environment.
    """

    destinations: Annotated[tuple[Destination, ...], MinLen(1), doc("Where events go, separated by commas.")] = (
        "ingest_http",
    )
    ingest_url: Annotated[
        Text | None, doc("Address of the ingest, such as `https://ingest.example.org`. Needed for `ingest_http`.")
    ] = None
    ingest_token: Annotated[Text | None, doc("Token that allows writing to the ingest. Never on the command line.")] = (
        field(default=None, repr=False)
    )
    ingest_token_file: Annotated[
        Text | None,
        doc("File that holds the write token, instead of `SENSOR_INGEST_TOKEN`. It may come later, and change."),
    ] = None
    ingest_identity: Annotated[
        IngestIdentity,
        doc(
            "How the sensor proves to the ingest who it is: by the role of its task, by the token of its pod's service "
            "account, or by the token above. `auto`: that token where it is set, else the role, else the pod "
            "(docs/identity.md)."
        ),
    ] = "auto"
    ingest_identity_file: Annotated[
        Text | None,
        doc(
            "File of the service account's token, whose audience is the ingest's host name; "
            "`/var/run/secrets/fargate-sensor/token` where that is there."
        ),
    ] = None
    ingest_ca_file: Annotated[Text | None, doc("PEM file of the authority that signed the ingest's certificate.")] = (
        None
    )
    stdout_format: Annotated[
        Format, doc("What `stdout` writes: events in the sensor's own form, or in OCSF (docs/ocsf.md).")
    ] = "native"
    stdout_all: Annotated[
        bool,
        doc(
            "Whether `stdout` writes every event; without it detections, misconfigurations and what the sensor says of "
            "itself."
        ),
    ] = False
    stdout_line_bytes: Annotated[
        int,
        Ge(12 * KIB),
        Le(4 * MIB),
        doc(
            "Bytes of a line on `stdout`, at most; an event that is longer has its long fields cut. Log drivers split "
            "what is longer than 16384 (FireLens, EKS on Fargate) or 262118 (awslogs)."
        ),
    ] = 16 * KIB
    aws_region: Annotated[
        Label | None, doc("Region of the AWS destinations; `AWS_REGION`, which ECS and EKS set, where this is not set.")
    ] = None
    aws_access_key_id: Annotated[
        Label | None,
        doc("Key of an AWS identity; or `AWS_ACCESS_KEY_ID`. Not needed where the task or the pod has a role."),
    ] = None
    aws_secret_access_key: Annotated[
        Secret | None, doc("Its secret; or `AWS_SECRET_ACCESS_KEY`. Never on the command line.")
    ] = field(default=None, repr=False)
    aws_session_token: Annotated[
        Secret | None, doc("Its session token, if it has one; or `AWS_SESSION_TOKEN`. Never on the command line.")
    ] = field(default=None, repr=False)
    aws_format: Annotated[
        Format, doc("What the AWS destinations are sent: events in the sensor's own form, or in OCSF.")
    ] = "native"
    kinesis_stream: Annotated[Text | None, doc("Name or ARN of the Kinesis data stream. Needed for `kinesis`.")] = None
    firehose_stream: Annotated[Text | None, doc("Name of the Firehose delivery stream. Needed for `firehose`.")] = None
    sqs_queue_url: Annotated[
        Text | None, doc("URL of the queue, standard or FIFO, in the region above. Needed for `sqs`.")
    ] = None
    s3_bucket: Annotated[Text | None, doc("Name of the bucket. Needed for `s3`.")] = None
    s3_prefix: Annotated[Text, doc("What the keys of objects begin with.")] = "fargate-sensor"
    s3_compression: Annotated[Literal["gzip", "zstd"], doc("How objects are compressed.")] = "gzip"
    s3_age: Annotated[float, Ge(1), Le(3600), doc("Seconds of events in an object, unless it is full before.")] = 60.0
    process: Annotated[
        Literal["cursor", "trace"],
        doc(
            "How processes are seen: by the numbers that the kernel hands out, or by tracing as well, which misses "
            "none and makes each spawn slower (docs/trace.md). `trace` needs SYS_PTRACE."
        ),
    ] = "cursor"
    fold: Annotated[
        bool, doc("Whether programs that run again and again in the same way become one event with a `count`.")
    ] = True
    probe_commands: Annotated[
        tuple[Command, ...],
        MaxLen(64),
        doc(
            "Health checks and probes, to tell their processes from people's sessions: a JSON array of argument arrays "
            'as the platform runs them; `CMD-SHELL test -f /up` is `[["/bin/sh","-c","test -f /up"]]`.'
        ),
    ] = ()
    detection: Annotated[bool, doc("Whether Sigma rules are matched with what happens.")] = True
    rules: Annotated[
        tuple[Text, ...],
        MaxLen(64),
        doc(
            "Files and directories of Sigma rules and suppressions (`.yml`) besides the rules that ship: absolute "
            "paths, separated by commas. Changes are taken over within seconds."
        ),
    ] = ()
    files: Annotated[bool, doc("Whether file changes are reported.")] = True
    network: Annotated[bool, doc("Whether connections are reported.")] = True
    network_loopback: Annotated[bool, doc("Whether connections within the task (loopback) are reported as well.")] = (
        False
    )
    network_fold: Annotated[
        bool, doc("Whether connections, flows and DNS queries that come too often become one event a minute.")
    ] = True
    network_rate: Annotated[
        int,
        Ge(1),
        Le(100_000),
        doc("Events of one process and destination that are told singly in a minute, before they are folded."),
    ] = 30
    file_paths: Annotated[
        tuple[Text, ...],
        MaxLen(256),
        doc(
            "Directories and files watched in every container besides the usual ones, with three levels below: "
            "absolute globs, separated by commas; `/**` at the end means eight levels. With a `!` before it a glob "
            "takes away what it matches and all below: `/srv/app,/data/*.pem,!/var/www/cache,!/**/*.log`."
        ),
    ] = ()
    file_hashes: Annotated[
        bool, doc("Whether events of programs that came or changed at run time have their SHA-256.")
    ] = True
    posture: Annotated[
        bool, doc("Whether misconfigurations that show in running containers are told (docs/posture.md).")
    ] = True
    queue_events: Annotated[
        int, Ge(100), Le(1_000_000), doc("Events that may wait between the collectors and the encoder.")
    ] = 20_000
    spool_bytes: Annotated[
        int,
        Ge(64 * KIB),
        Le(1024 * MIB),
        doc("Bytes of sealed batches kept in memory while a destination does not take them."),
    ] = 8 * MIB
    spool_dir: Annotated[
        Text | None,
        doc(
            "Directory, on a volume of the task, where batches wait as well, so that a restart loses none of them. "
            "Without it, and whenever it cannot be used, they wait in memory."
        ),
    ] = None
    spool_disk_bytes: Annotated[
        int, Ge(MIB), Le(16 * 1024 * MIB), doc("Bytes of sealed batches kept in `SENSOR_SPOOL_DIR`.")
    ] = 64 * MIB
    daily_mb: Annotated[
        float,
        Ge(0),
        Le(100_000),
        doc(
            "Megabytes (10^6 bytes, compressed) that the task may send a day. As they are used up events are folded "
            "harder, then sampled, and counted; detections, losses and health always go. 0 is no bound."
        ),
    ] = 10.0
    drop_kinds: Annotated[
        tuple[DroppableKind, ...], doc("Kinds of events that are not wanted, separated by commas.")
    ] = ()
    drop_programs: Annotated[
        tuple[Text, ...],
        MaxLen(256),
        doc("Programs whose events are not wanted: patterns of the executable's path, such as `/usr/bin/apt*`."),
    ] = ()
    drop_paths: Annotated[
        tuple[Text, ...],
        MaxLen(256),
        doc("Files whose changes are not wanted: patterns of the path, such as `/tmp/*.cache`."),
    ] = ()
    drop_destinations: Annotated[
        tuple[Text, ...],
        MaxLen(256),
        doc("Addresses to which connections are not wanted: `10.0.0.0/8`, `10.1.2.3:443`, `[2001:db8::]/32`."),
    ] = ()
    batch_events: Annotated[int, Ge(1), Le(10_000), doc("Events in a batch, at most.")] = 500
    batch_bytes: Annotated[int, Ge(4 * KIB), Le(4 * MIB), doc("Bytes in a batch before compression, at most.")] = (
        256 * KIB
    )
    batch_age: Annotated[
        float, Ge(0.05), Le(60), doc("Seconds that an event waits, at most, for its batch to fill.")
    ] = 1.0
    heartbeat: Annotated[float, Ge(1), Le(3600), doc("Seconds between two heartbeats.")] = 30.0
    stop_deadline: Annotated[
        float,
        Ge(1),
        Le(110),
        doc(
            "Seconds from SIGTERM to the end, at most: it watches while other containers of the task live, then "
            "delivers what is left. Keep it below the container's stop timeout."
        ),
    ] = 25.0
    exit_when_alone: Annotated[
        bool,
        doc(
            "Whether the sensor ends by itself once all other containers have ended, for pods of a Job; in a pod also "
            "when it has seen none for ten minutes."
        ),
    ] = False
    cpus: Annotated[
        float | None,
        Ge(0.01),
        Le(1024),
        doc(
            "Cores that the whole task or pod may use. What the sensor takes follows it. "
            "Not needed where the ECS metadata, EKS on Fargate or the sensor's own cgroup says so; a quota that "
            "nothing tells of is estimated once it holds the sensor up."
        ),
    ] = None
    cpu_percent: Annotated[
        float,
        Ge(0.1),
        Le(100),
        doc(
            "Percent of the task's CPU that the sensor may use, at least 1 % of a core, averaged over a minute. Before "
            "it uses more it looks less closely, and says so (docs/troubleshooting.md)."
        ),
    ] = 5.0
    memory_mb: Annotated[
        float,
        Ge(16),
        Le(100_000),
        doc(
            "Megabytes (10^6 bytes) that the sensor may have resident, a spool of 8 MiB included. Above it, or while "
            "the task comes near its limit, queues and spool hold an eighth, and what finds no room is counted."
        ),
    ] = 64.0
    log_level: Annotated[Level, doc("The least severe log lines that are written.")] = "info"
    pod_namespace: Annotated[Label | None, doc("Namespace of the pod, from the downward API.")] = None
    pod_name: Annotated[Label | None, doc("Name of the pod, from the downward API.")] = None
    pod_uid: Annotated[Label | None, doc("Uid of the pod, from the downward API.")] = None
    node_name: Annotated[Label | None, doc("Name of the node, from the downward API.")] = None
    service_account: Annotated[Label | None, doc("Service account of the pod, from the downward API.")] = None
    pod_capacity: Annotated[
        Label | None,
        doc(
            "What EKS Fargate has provisioned for the pod, `0.25vCPU 0.5GB`, from the downward API (annotation "
            "`CapacityProvisioned`): the cores where `SENSOR_CPUS` is not set, and the memory limit."
        ),
    ] = None
    container_images: Annotated[
        tuple[NameAndImage, ...],
        MaxLen(64),
        doc(
            "The images of a pod's containers, which injection hands over: a JSON array of pairs of name and image, "
            '`[["app","shop:1.4"]]`. The names are seen without it.'
        ),
    ] = ()
    strict: Annotated[
        bool, doc("Whether a wrong configuration ends the sensor with code 2; without it the sensor says so and waits.")
    ] = False


SETTINGS: tuple[Field[Any], ...] = fields(Settings)
"""The definition of every setting, in the order of the documents."""

SECRETS = frozenset(f.name for f in SETTINGS if not f.repr)
SWITCHES = frozenset(f.name for f in SETTINGS if isinstance(f.default, bool))
JSON = {
    "probe_commands": 'argument arrays, such as [["/bin/check","--quick"]]',
    "container_images": 'pairs of name and image, such as [["app","shop:1.4"]]',
}
"""Settings whose text is a JSON array, and of what."""
LISTS = frozenset(f.name for f in SETTINGS if isinstance(f.default, tuple)) - JSON.keys()
"""Settings whose text is a list with commas."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"SENSOR_{name.upper()}"


def option(name: str) -> str:
    """The command line option of a setting."""
    return "--" + name.replace("_", "-")
