"""Suppressions as they are written in files of rules:

suppressions:
  - rule: 6d3c0f6e-…          # its id, or "*"
    image: registry.example.org/batch*      # optional, as is family; * stands for anything
    until: 2027-03-31         # the day on which it ends, UTC
    reason: the nightly job runs curl, ticket 4711
"""

import datetime
from typing import Any

from sensor.detect.compact import Problem, Suppression
from sensor.sigma.documents import Document

DAY_S = 24 * 60 * 60
KEYS = {"rule", "image", "family", "until", "reason"}


def suppressions(document: Document) -> tuple[list[Suppression], list[Problem]]:
    """Those that are right, and what is wrong with the others."""
    listed = document.content["suppressions"]
    if not isinstance(listed, list):
        return [], [Problem(document.at("suppressions"), "suppressions should be a list")]
    found, problems = [], []
    for number, item in enumerate(listed, 1):
        made = _suppression(item, document)
        if isinstance(made, str):
            problems.append(Problem(document.at("suppressions"), f"suppression {number}: {made}"))
        else:
            found.append(made)
    return found, problems


def _suppression(item: Any, document: Document) -> Suppression | str:
    """What the item says, or what is wrong with it."""
    if not isinstance(item, dict):
        return "should be a map with rule, until and reason"
    if strange := sorted(str(key) for key in item.keys() - KEYS):
        return f"unknown key {strange[0]}"
    for key in ("rule", "reason"):
        if not isinstance(item.get(key), str) or not item[key].strip():
            return f"{key} should be a text"
    until = _end(item.get("until"))
    if until is None:
        return "until should be a day such as 2027-03-31: nothing is suppressed for ever"
    patterns = {key: item.get(key, "*") for key in ("image", "family")}
    if not all(isinstance(pattern, str) for pattern in patterns.values()):
        return "image and family should be texts"
    return Suppression(item["rule"].strip().lower(), until, item["reason"], document.at("suppressions"), **patterns)


def _end(value: Any) -> int | None:
    """The end of that day in seconds since 1970."""
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        return None
    midnight = datetime.datetime.combine(value, datetime.time(), datetime.UTC)
    return int(midnight.timestamp()) + DAY_S  # no date comes behind 9999-12-31
