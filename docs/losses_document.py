"""Writes losses.md from sensor/telemetry/losses.py, with what each loss means and what to do about it."""

from sensor.telemetry.losses import ACCOUNTS

HEAD = """\
# Losses

Written from `sensor/telemetry/losses.py` and `docs/losses_document.py` by `make docs`; `make check` keeps it current.

What the sensor did not see, or could not deliver, is counted by reason, in `sensor.loss` events and in the `losses` of
heartbeats and of `sensor.stop`. The bound says what the number is: `exact`, the events that were lost; `at_most`, no
more than these; `unknown`, how often it happened, whatever was in it. From the spool on (`spool_full` and what
follows) events are counted as they are sent: one that stands for several, by its `count`, is one.

"""
MORE_CPU = "give the task more CPU; `SENSOR_CPUS` where the sensor cannot see how much it has"
MEANINGS = {
    "unexplained": (
        "process numbers that were gone when they were read: of processes or threads",
        MORE_CPU,
    ),
    "proc_unreadable": (
        "`/proc` could not be read for a while: what began and ended then is in `unexplained`",
        "open files and CPU of the task",
    ),
    "tracer_lost": (
        "the tracer ended, or was silent and was killed: what ran until the next one is seen as without tracing",
        "its line in the log; who kills or stops it",
    ),
    "trace_dropped": ("the tracer had no room for what it saw", MORE_CPU),
    "collector_failed": (
        "a collector, the loss's source, failed: what it would have seen until it runs again; see `unexplained`",
        "its line in the log",
    ),
    "stalled": (
        "the sensor was stopped, or had no CPU, for seconds; what that has cost is told by the losses beside it",
        "who stops it; more CPU",
    ),
    "tampered": ("its limits, CPUs or priority were changed from outside", "who did it: only root in the task can"),
    "helper_lost": (
        "a helper for another user's processes, or the launcher of helpers and tracer, was stopped or killed",
        "who did it: that user, or root",
    ),
    "socket_owners_full": ("too many open sockets to know all their owners", "nothing; owners are looked for again"),
    "inotify_overflow": (
        "the kernel dropped file changes; directories were compared with what was known",
        MORE_CPU,
    ),
    "directory_too_long": (
        "a directory has more entries than are watched or compared",
        "`SENSOR_FILE_PATHS` without it, or with what matters in it",
    ),
    "directory_not_remembered": (
        "what came to a directory or went is not known: it held too much to remember, or could not be watched a while",
        "the same",
    ),
    "file_gone_before_look": ("a file was gone before it was looked at: it may have been one to tell", "nothing"),
    "file_look_skipped": ("files came faster than they can be looked at", MORE_CPU),
    "netlink_overflow": ("the kernel dropped notices of sockets that ended", MORE_CPU),
    "netlink_malformed": ("a notice of the kernel that cannot be read", "report it, with the kernel's version"),
    "packets_dropped": ("the kernel dropped first packets, or DNS: outcomes, names, queries", MORE_CPU),
    "connections_skipped": (
        "connections that went by while they came faster than may be followed; half-open ones from outside come on top",
        MORE_CPU,
    ),
    "datagrams_skipped": ("datagrams that went by with them, DNS among them: queries, and ends of UDP", MORE_CPU),
    "sock_diag_refused": ("a question about one socket was refused for a while", "see `doctor`, `connections`"),
    "dns_unreadable": ("a packet of port 53 that is no DNS, malformed, or too much work", "nothing, unless it is many"),
    "network_dump_failed": ("a look at all sockets did not come to its end", "nothing, unless it is many"),
    "network_ends_denied": ("ends of sockets may not be heard: short connections may go by", "see `doctor`"),
    "network_socket_forgotten": ("connections that ended without a notice, or too many at once", "nothing"),
    "network_table_full": ("more connections at once than are remembered", "nothing; the ones that are told are whole"),
    "dns_name_forgotten": ("an address whose name was forgotten early: too many are known", "nothing"),
    "dns_query_untracked": (
        "a query was forgotten before its answer, which is told by itself, or it was no plain query",
        "nothing",
    ),
    "dns_stream_gap": ("a DNS stream over TCP with a packet missing", "nothing, unless it is many"),
    "dns_stream_no_dns": ("a stream of port 53 that is no DNS", "look at who speaks it"),
    "dns_stream_unaligned": ("a DNS stream that was joined in its middle", "nothing"),
    "dns_stream_unfinished": ("a DNS stream that ended within a message", "nothing"),
    "socket_table_malformed": ("a line of /proc/net that cannot be read", "report it, with the kernel's version"),
    "given_up": ("opens of files while the sensor kept to its CPU budget; matched with the rules before", MORE_CPU),
    "queue_full": ("events came faster than they are enriched", MORE_CPU),
    "queue_closed": ("events after the sensor's end had begun", "nothing"),
    "enrich_failed": ("a fault of the sensor in one event; its log has it", "report it with the line of the log"),
    "detect_failed": (
        "a fault of a rule in one event; its log has it",
        "look at the rule, or report it",
    ),
    "unencodable": ("an event that has no form on the wire; its log has it", "report it with the line of the log"),
    "spool_full": (
        "what waits for a destination was more than the spool holds; the oldest went",
        "reach the destination again; a volume (`SENSOR_SPOOL_DIR`), `SENSOR_SPOOL_BYTES`",
    ),
    "spool_unreadable": ("a segment on the volume could not be read", "look at the volume"),
    "spool_corrupt": ("records on the volume were damaged and passed over", "look at the volume, and who else has it"),
    "destination_removed": (
        "what waited on the volume for a destination that `SENSOR_DESTINATIONS` does not name any more",
        "nothing; next time, remove it when all is delivered",
    ),
    "killed": ("numbered by a sensor that was killed, and not on the volume", "who killed it: memory, a signal"),
    "killed_unnumbered": ("the sensor before was killed: what it had not numbered yet", "the same"),
    "killed_unbounded": ("the sensor before was killed while its volume failed", "the same; look at the volume"),
    "sampled": ("the day's budget is nearly used up", "`SENSOR_DAILY_MB`, or drop what is not wanted"),
    "record_too_large": ("an event over a destination's limit that could not be split", "nothing, unless it is many"),
    "refused": ("a destination refused a batch for good; the log says why", "its permissions, its address, its token"),
    "undelivered_at_stop": (
        "what was left when the stop's deadline came",
        "`SENSOR_STOP_DEADLINE`, `stopTimeout`, a volume",
    ),
    "log_line": ("a line of the sensor's own log could not be written", "the log driver: non-blocking, with a buffer"),
}
"""By reason: what happened, and what to do."""


def render() -> str:
    """The whole of losses.md; a reason without a meaning, or a meaning without a reason, is a KeyError."""
    if unknown := MEANINGS.keys() - ACCOUNTS:
        raise KeyError(*unknown)
    lines = ["| Reason | Counted by | Bound | What happened | What to do |", "| --- | --- | --- | --- | --- |"]
    for reason, account in ACCOUNTS.items():
        happened, do = MEANINGS[reason]
        lines.append(f"| `{reason}` | {account.source or 'several'} | {account.bound} | {happened} | {do} |")
    return HEAD + "\n".join(lines) + "\n"
