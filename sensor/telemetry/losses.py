"""What is known of each loss: which part of the sensor counts it, and how exact its number is."""

from typing import NamedTuple

EXACT = "exact"
AT_MOST = "at_most"
UNKNOWN = "unknown"

UNEXPLAINED = "unexplained"
"""The reason under which `Counters.unexplained` is told: process numbers that were gone when they were read."""


class Account(NamedTuple):
    """The part of the sensor that counts a loss, and the bound of its number; see `events.Loss`.

    `told` is true where that part emits a `sensor.loss` itself, at once, so that the heartbeat must not do it again.
    """

    source: str | None
    bound: str
    told: bool = False


ACCOUNTS = {
    UNEXPLAINED: Account("process_cursor", AT_MOST),
    "proc_unreadable": Account("process_cursor", UNKNOWN),
    "collector_failed": Account(None, UNKNOWN, told=True),
    "tracer_lost": Account("process_trace", UNKNOWN),
    "trace_dropped": Account("process_trace", AT_MOST),
    "socket_owners_full": Account("task_view", UNKNOWN),
    "stalled": Account("sensor", UNKNOWN),
    "tampered": Account("sensor", UNKNOWN),
    "helper_lost": Account("task_view", UNKNOWN),
    "inotify_overflow": Account("file_inotify", UNKNOWN, told=True),
    "directory_too_long": Account("file_inotify", UNKNOWN),
    "directory_not_remembered": Account("file_inotify", UNKNOWN),
    "file_gone_before_look": Account("file_inotify", AT_MOST),
    "file_look_skipped": Account("file_inotify", AT_MOST),
    "netlink_overflow": Account("network_sockdiag", UNKNOWN, told=True),
    "netlink_malformed": Account("network_sockdiag", EXACT),
    "connections_skipped": Account("network_sockdiag", AT_MOST),
    "datagrams_skipped": Account("network_sockdiag", AT_MOST),
    "packets_dropped": Account("network_taps", EXACT, told=True),
    "sock_diag_refused": Account("network_taps", UNKNOWN),
    "dns_unreadable": Account("network_taps", EXACT),
    "network_dump_failed": Account("network_sockdiag", UNKNOWN),
    "network_ends_denied": Account("network_sockdiag", UNKNOWN),
    "network_socket_forgotten": Account("network_sockdiag", AT_MOST),
    "network_table_full": Account("network_sockdiag", UNKNOWN),
    "dns_name_forgotten": Account("network_taps", EXACT),
    "dns_query_untracked": Account("network_taps", AT_MOST),
    "dns_stream_gap": Account("network_taps", UNKNOWN),
    "dns_stream_no_dns": Account("network_taps", UNKNOWN),
    "dns_stream_unaligned": Account("network_taps", UNKNOWN),
    "dns_stream_unfinished": Account("network_taps", UNKNOWN),
    "socket_table_malformed": Account("network_procfs", EXACT),
    "queue_full": Account("pipeline", EXACT),
    "queue_closed": Account("pipeline", EXACT),
    "enrich_failed": Account("enrich", EXACT),
    "detect_failed": Account("detect", EXACT),
    "unencodable": Account("pipeline", EXACT),
    "spool_full": Account("spool", EXACT),
    "spool_unreadable": Account("spool", EXACT),
    "spool_corrupt": Account("spool", UNKNOWN),
    "destination_removed": Account("spool", EXACT),
    "killed": Account("spool", AT_MOST),
    "killed_unnumbered": Account("spool", UNKNOWN),
    "killed_unbounded": Account("spool", UNKNOWN),
    "sampled": Account("budget", EXACT),
    "given_up": Account("governor", EXACT),
    "record_too_large": Account("pipeline", EXACT),
    "refused": Account("delivery", EXACT),
    "undelivered_at_stop": Account("delivery", EXACT),
    "log_line": Account("log", EXACT),
}
"""By reason."""

UNLISTED = Account(None, UNKNOWN)
"""For a reason that is in no list: its number may mean anything."""


def account(reason: str) -> Account:
    """What is known of a reason, `UNLISTED` where it is new."""
    return ACCOUNTS.get(reason, UNLISTED)
