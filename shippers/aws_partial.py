"""Answers that tell record by record what was taken."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shippers.aws_outcome import Aim, Said, fault


class Failed(NamedTuple):
    """A record that was not taken, by its place in the request, and why."""

    at: int
    error: Said
    senders_fault: bool = False


def failed_indices(aim: Aim, sent: int, failed: Sequence[Failed]) -> Sequence[int]:
    """The indices to send again. Raises the error of the first one where nothing was taken at all.

    A record that will never be taken is so refused when it is left alone with its like, and holds up nobody.
    """
    if sent and len(failed) == sent:
        lasting = all(one.senders_fault for one in failed)
        what = f"{aim.service} took none of {sent} records"
        raise fault(aim, 400 if lasting else 503, failed[0].error, what=what)
    return [one.at for one in failed]


def reasons(answer: Mapping[str, object], key: str) -> list[Failed]:
    """The failures in a list that has an entry for each record, those with an `ErrorCode` among them."""
    entries = answer.get(key)
    return [
        Failed(at, Said(str(entry["ErrorCode"]), str(entry.get("ErrorMessage", ""))))
        for at, entry in enumerate(entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and entry.get("ErrorCode")
    ]
