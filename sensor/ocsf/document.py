"""Renders docs/ocsf.md from the tables that the mapper uses."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sensor.model.kinds import Kind
from sensor.ocsf import common, dns, file, findings, lifecycle, network, process
from sensor.ocsf.fields import Field

_HEAD = """\
# Events in OCSF

Written from `sensor/ocsf` by `make docs`; `make check` keeps it current.

Destinations that are set to `ocsf` get each event as one JSON object of the [Open Cybersecurity Schema
Framework](https://schema.ocsf.io). It says `metadata.version` 1.3.0, which AWS Security Lake takes, and is valid for
1.8 as well: tests check every kind of event, made up from the model's types, against both schemas.

- `metadata.uid` is the identity of the event (sensor, epoch, lane and sequence number) and `process.uid` the `entity`
  of a process. What reads both forms can join on them.
- Times are milliseconds in OCSF; `metadata.original_time` has the nanoseconds of the event.
- `metadata.profiles` names the profiles in use: `host` always, `container` and `cloud` where they are known.
- What has no place in the class, or no form that OCSF 1.3 allows (a name in DNS with an underscore, a text of more than
  65,535 characters), stays in `unmapped` under the names of [events.md](events.md). Nothing is left out but the
  fractions of milliseconds of `process.start` and `network.duration_ms`.
- In OCSF the source of a connection is whoever began it; our `src` is always the task's own end. Inbound connections
  and listeners are turned round, their bytes too.
- An event that lacks the part its class is about is a Base Event (0). The sensor about itself, and containers that come
  and go, are Application Lifecycle ([ADR 0041](adr/0041-ocsf-classes.md)).

"""


class _Section(NamedTuple):
    """One class, the activities of the kinds that become it, and its tables with the object that each fills."""

    title: str
    uid: int
    activities: Mapping[str, int]
    tables: tuple[tuple[str, Iterable[Field]], ...]


_SELF = lifecycle.ACTIVITIES | dict.fromkeys(lifecycle.NAMES, common.OTHER)
_SECTIONS = (
    _Section(
        "Process Activity",
        process.CLASS,
        process.ACTIVITIES,
        (("process.", process.PROCESS), ("", process.ACTIVITY)),
    ),
    _Section("File System Activity", file.CLASS, file.ACTIVITIES, (("file.", file.FILE), ("", file.RENAMED))),
    _Section(
        "Network Activity",
        network.CLASS,
        network.ACTIVITIES,
        (
            ("src_endpoint.", network.OWN),
            ("dst_endpoint.", network.FAR),
            ("connection_info.", network.CONNECTION),
            ("", network.TRAFFIC),
            ("", network.REST),
        ),
    ),
    _Section("DNS Activity", dns.CLASS, {Kind.DNS_QUERY: dns.TRAFFIC}, (("", dns.DNS),)),
    _Section(
        "Detection Finding",
        findings.DETECTION,
        {Kind.DETECTION: findings.CREATE},
        (("", findings.FINDING), ("", findings.DETECTED)),
    ),
    _Section("Compliance Finding", findings.COMPLIANCE, {Kind.POSTURE: findings.CREATE}, (("", findings.CHECKED),)),
    _Section("Application Lifecycle", lifecycle.CLASS, _SELF, (("", lifecycle.LOSS),)),
)
_EVERYWHERE = (
    ("", common.METADATA),
    ("", common.DEVICE),
    ("", common.CLOUD),
    ("device.container.", tuple(Field(f"container.{f.native}", f.target) for f in common.CONTAINER)),
)
_NOTES = {
    process.CLASS: "The actor of a launch is the parent; the chain of `process.ancestors` nests in `parent_process`.",
    file.CLASS: "The type follows `file.mode`. A rename has the old path in `file` and the new one in `file_result`.",
    network.CLASS: "An outcome of `reset` is activity 3, `timed_out` 4 and `refused` 5, whatever the kind. The "
    "process is the actor.",
    dns.CLASS: "A question without an answer is activity 1. The process is the actor.",
    findings.DETECTION: "Process, file, connection and question of the event stand in `evidences`. Tags such as "
    "`attack.t1059.004` become `attacks`.",
    lifecycle.CLASS: "Heartbeats and losses are activity 99 and say so in `activity_name`.",
}


def render() -> str:
    """The whole document."""
    return _HEAD + "## In every class\n\n" + _table(_EVERYWHERE) + "".join(_section(s) for s in _SECTIONS)


def _section(section: _Section) -> str:
    kinds = ", ".join(f"`{kind}` {number}" for kind, number in section.activities.items())
    note = f"{_NOTES[section.uid]}\n\n" if section.uid in _NOTES else ""
    return f"\n## {section.title} ({section.uid})\n\nActivities: {kinds}.\n\n{note}" + _table(section.tables)


def _table(tables: Iterable[tuple[str, Iterable[Field]]]) -> str:
    rows = dict.fromkeys((f.native, prefix + f.target) for prefix, fields in tables for f in fields)
    lines = [("Field", "OCSF"), ("---", "---"), *((f"`{native}`", f"`{target}`") for native, target in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
