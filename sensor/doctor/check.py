"""One thing that was looked at, and how it stands."""

from typing import NamedTuple

from sensor.model.protocols import Capability, Status

_SEVERITY = {Status.OK: 0, Status.DEGRADED: 1, Status.UNAVAILABLE: 2}


class Check(NamedTuple):
    """What was looked at and what was found."""

    name: str
    capability: Capability


def ok(name: str, reason: str | None = None, mend: str | None = None) -> Check:
    """It works; `reason` is a fact worth knowing, `mend` advice that goes further."""
    return Check(name, Capability(Status.OK, reason, mend))


def degraded(name: str, reason: str, mend: str | None = None) -> Check:
    """It works in part."""
    return Check(name, Capability(Status.DEGRADED, reason, mend))


def unavailable(name: str, reason: str, mend: str | None = None) -> Check:
    """It does not work here."""
    return Check(name, Capability(Status.UNAVAILABLE, reason, mend))


def worst(checks: list[Check]) -> Status:
    """The status of the whole."""
    found = (check.capability.status for check in checks if check.capability.status is not Status.STANDBY)
    return max(found, key=_SEVERITY.__getitem__, default=Status.OK)
