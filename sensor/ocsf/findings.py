"""Detection Finding (2004) and Compliance Finding (2003)."""

import re
from collections.abc import Sequence
from itertools import takewhile

from sensor.ocsf.common import PRODUCT, add_place, common, severity
from sensor.ocsf.dns import DNS
from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.file import file_object
from sensor.ocsf.network import connection
from sensor.ocsf.process import process_object
from sensor.ocsf.values import cut, text, texts

DETECTION, COMPLIANCE = 2004, 2003
CATEGORY = 2
CREATE = 1
NEW = 1
FAIL = 3
RULE = 1

_TECHNIQUE = re.compile(r"attack\.(t\d{4})(\.\d{3})?", re.ASCII)
"""A Sigma tag for a technique of MITRE ATT&CK, such as `attack.t1059.004`."""


def _attacks(tags: Sequence[str]) -> list[Plain] | None:
    """A technique for each tag that names one."""
    named = [match for tag in tags if (match := _TECHNIQUE.fullmatch(tag))]
    return [_attack(match[1].upper(), match[2]) for match in named] or None


def _attack(technique: str, part: str | None) -> Plain:
    attack: Plain = {"technique": {"uid": technique}}
    return attack if part is None else attack | {"sub_technique": {"uid": technique + part}}


def _related(links: Sequence[Plain]) -> list[Plain] | None:
    if any(text(value) is None for link in links for value in link.values()):
        return None
    return [{"uid": link["event"], "type": link["relation"]} for link in links]


def _listed(found: Sequence[str]) -> str | None:
    return text(", ".join(found))


FINDING = (Field("links", "finding_info.related_events", _related),)

DETECTED = (
    Field("detection.title", "finding_info.title", cut),
    Field("detection.title", "finding_info.analytic.name", cut),
    Field("detection.rule_id", "finding_info.analytic.uid", text),
    Field("detection.tags", "finding_info.types", texts),
    Field("detection.tags", "finding_info.attacks", _attacks),
    Field("detection.level", "severity", text),
)

CHECKED = (
    Field("posture.title", "finding_info.title", cut),
    Field("posture.check", "compliance.control", text),
    Field("posture.remedy", "remediation.desc", text),
    Field("posture.severity", "severity", text),
    Field("posture.found", "finding_info.desc", _listed),
)


def detection(native: Plain) -> Plain | None:
    """A Detection Finding; None where the event has no detection."""
    level = found(native, "detection.level")
    if level is None:
        return None
    ocsf = _finding(native, DETECTION, level)
    ocsf["finding_info"]["analytic"] = {"type_id": RULE}
    move(DETECTED, native, ocsf)
    if evidence := _evidence(native, ocsf):
        ocsf["evidences"] = [evidence]
    return ocsf


def compliance(native: Plain) -> Plain | None:
    """A Compliance Finding; None where the event has no posture. The standard is our own list of checks."""
    level = found(native, "posture.severity")
    if level is None:
        return None
    ocsf = _finding(native, COMPLIANCE, level)
    ocsf["compliance"] = {"standards": [PRODUCT], "status_id": FAIL}
    move(CHECKED, native, ocsf)
    return ocsf


def _finding(native: Plain, class_uid: int, level: str) -> Plain:
    """A finding is new and has the event's own identity."""
    identity = cut(native["id"])
    ocsf = common(native, class_uid, CATEGORY, CREATE)
    add_place(native, ocsf)
    ocsf["severity_id"] = severity(level)
    ocsf["status_id"] = NEW
    ocsf["finding_info"] = {"uid": identity}
    move(FINDING, native, ocsf)
    return ocsf


def _evidence(native: Plain, ocsf: Plain) -> Plain:
    """What the rule saw, in the objects that the classes of such events have."""
    evidence: Plain = {}
    if "network" in native:
        evidence |= connection(native)
    if (process := process_object(native, ocsf)) is not None:
        evidence["process"] = process
    if "file" in native and (file := file_object(native)) is not None:
        evidence["file"] = file
    move(_QUESTION, native, evidence)
    return evidence


_QUESTION = tuple(takewhile(lambda field: field.target.startswith("query."), DNS))
