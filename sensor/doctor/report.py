"""The findings as a table for a person, or as one JSON object."""

import json
import textwrap

from sensor import __version__
from sensor.doctor.check import Check, worst
from sensor.model.protocols import Status
from sensor.telemetry.log import printable

_COLOURS = {Status.OK: "32", Status.STANDBY: "32", Status.DEGRADED: "33", Status.UNAVAILABLE: "1;31"}
_STATUS_WIDTH = max(len(status) for status in Status)


def as_text(checks: list[Check], width: int, colour: bool) -> str:
    """An aligned table: status, name, reason, and below it what would mend it."""
    names = max((len(check.name) for check in checks), default=0)
    return "".join(_entry(check, names, width, colour) for check in checks)


def as_json(checks: list[Check]) -> str:
    """`{"version", "status", "checks": [{"name", "status", "reason", "mend", "figures"}]}`.

    `reason` and `mend` may be null; `figures` are numbers by name.
    """
    listed = [{"name": check.name, **check.capability._asdict()} for check in checks]
    return json.dumps({"version": __version__, "status": worst(checks), "checks": listed}, indent=2) + "\n"


def _entry(check: Check, names: int, width: int, colour: bool) -> str:
    status, reason, mend, _ = check.capability
    shown = f"{status:<{_STATUS_WIDTH}}"
    if colour:
        shown = f"\x1b[{_COLOURS[status]}m{shown}\x1b[0m"
    indent = _STATUS_WIDTH + names + 4
    lines = _wrapped(reason or "", width - indent) or [""]
    lines += _wrapped(f"mend: {mend}", width - indent) if mend else []
    first, *rest = lines
    text = f"{shown}  {printable(check.name):<{names}}  {first}".rstrip() + "\n"
    return text + "".join(" " * indent + line + "\n" for line in rest)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), max(width, 30), break_on_hyphens=False)
