"""The settings of the sidecar: one definition for the environment, the command line and the documents.

Standard library and `annotated_types` only, because the lean second stage reads it too; what checks the
constraints is `sensor.config.validate`, in the first stage.
"""

from dataclasses import Field, dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen, doc

KIB = 1024
MIB = 1024 * KIB

Destination = Literal["ingest_http", "stdout"]
Level = Literal["debug", "info", "warning", "error"]
Text = Annotated[str, MaxLen(4096)]
Label = Annotated[str, MaxLen(253)]
Command = Annotated[tuple[Text, ...], MinLen(1), MaxLen(256)]
"""The arguments of a command, its program first."""


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
        Text | None, doc("File that holds the write token, instead of `SENSOR_INGEST_TOKEN`. It may change.")
    ] = None
    ingest_ca_file: Annotated[Text | None, doc("PEM file of the authority that signed the ingest's certificate.")] = (
        None
    )
    process: Annotated[Literal["cursor"], doc("How processes are seen.")] = "cursor"
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
        doc("Directories watched in every container besides the usual ones: absolute paths, separated by commas."),
    ] = ()
    queue_events: Annotated[
        int, Ge(100), Le(1_000_000), doc("Events that may wait between the collectors and the encoder.")
    ] = 20_000
    spool_bytes: Annotated[
        int,
        Ge(64 * KIB),
        Le(1024 * MIB),
        doc("Bytes of encoded events kept in memory while the destination does not take them."),
    ] = 8 * MIB
    batch_events: Annotated[int, Ge(1), Le(10_000), doc("Events in a batch, at most.")] = 500
    batch_bytes: Annotated[int, Ge(4 * KIB), Le(4 * MIB), doc("Bytes in a batch before compression, at most.")] = (
        256 * KIB
    )
    batch_age: Annotated[float, Ge(0.05), Le(60), doc("Seconds that an event waits for its batch to fill.")] = 1.0
    heartbeat: Annotated[float, Ge(1), Le(3600), doc("Seconds between two heartbeats.")] = 30.0
    stop_deadline: Annotated[
        float,
        Ge(1),
        Le(110),
        doc("Seconds to deliver what is left after SIGTERM. Keep it below the container's stop timeout."),
    ] = 25.0
    cpus: Annotated[
        float | None,
        Ge(0.01),
        Le(1024),
        doc(
            "Cores that the whole task or pod may use. What the sensor takes follows it. "
            "Not needed where the ECS metadata or the sensor's own cgroup says so."
        ),
    ] = None
    log_level: Annotated[Level, doc("The least severe log lines that are written.")] = "info"
    pod_namespace: Annotated[Label | None, doc("Namespace of the pod, from the downward API.")] = None
    pod_name: Annotated[Label | None, doc("Name of the pod, from the downward API.")] = None
    pod_uid: Annotated[Label | None, doc("Uid of the pod, from the downward API.")] = None
    node_name: Annotated[Label | None, doc("Name of the node, from the downward API.")] = None
    service_account: Annotated[Label | None, doc("Service account of the pod, from the downward API.")] = None
    strict: Annotated[
        bool, doc("Whether a wrong configuration ends the sensor with code 2; without it the sensor says so and waits.")
    ] = False


SETTINGS: tuple[Field[Any], ...] = fields(Settings)
"""The definition of every setting, in the order of the documents."""

SECRETS = frozenset(f.name for f in SETTINGS if not f.repr)
SWITCHES = frozenset(f.name for f in SETTINGS if isinstance(f.default, bool))
JSON = frozenset({"probe_commands"})
"""Settings whose text is JSON."""
LISTS = frozenset(f.name for f in SETTINGS if isinstance(f.default, tuple)) - JSON
"""Settings whose text is a list with commas."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"SENSOR_{name.upper()}"


def option(name: str) -> str:
    """The command line option of a setting."""
    return "--" + name.replace("_", "-")
