"""Answers that tell record by record what was taken."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shippers.aws_outcome import Aim, Said, fault

UNTOLD = Said("", "the answer does not say that it was taken")


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


def reasons(answer: Mapping[str, object], key: str, sent: int, taken: str) -> list[Failed]:
    """The failures in a list that has an entry for each record: an `ErrorCode`, or what `taken` names of one that was
    taken. What the answer does not tell of was not taken as far as anybody knows."""
    found = answer.get(key)
    entries = found if isinstance(found, list) and len(found) == sent else [None] * sent
    return [Failed(at, _error(entry)) for at, entry in enumerate(entries) if not _is_taken(entry, taken)]


def _is_taken(entry: object, taken: str) -> bool:
    return isinstance(entry, dict) and bool(entry.get(taken)) and not entry.get("ErrorCode")


def _error(entry: object) -> Said:
    if not isinstance(entry, dict) or not entry.get("ErrorCode"):
        return UNTOLD
    return Said(str(entry["ErrorCode"]), str(entry.get("ErrorMessage", "")))
