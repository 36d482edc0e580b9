"""What is known of each loss: which part of the sensor counts it, and how exact its number is."""

from typing import NamedTuple

EXACT = "exact"
AT_MOST = "at_most"
UNKNOWN = "unknown"

UNEXPLAINED = "unexplained"
"""The reason under which `Counters.unexplained` is told: process numbers that were gone when they were read."""


class Account(NamedTuple):
    """The part of the sensor that counts a loss, and the bound of its number; see `events.Loss`."""

    source: str | None
    bound: str


ACCOUNTS = {
    UNEXPLAINED: Account("process_cursor", AT_MOST),
    "socket_owners_full": Account("task_view", UNKNOWN),
    "queue_full": Account("pipeline", EXACT),
    "queue_closed": Account("pipeline", EXACT),
    "unencodable": Account("pipeline", EXACT),
    "spool_full": Account("pipeline", EXACT),
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
