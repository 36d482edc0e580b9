"""What is known and accepted: suppressions in a file, each with a reason and a last day."""

import re
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from pathlib import Path as FilePath
from typing import NamedTuple

from deploy.checks.check import Finding
from deploy.checks.documents import Document, named_by
from deploy.checks.fingerprint import portable
from deploy.checks.problems import Note, Problem
from deploy.checks.section import Reading, Section

DEFAULT = ".fargate-sensor-check.yaml"
"""The file in the working directory that is read unasked."""
LONGEST = timedelta(days=366)
"""Nothing is accepted for ever."""
FIELDS = ("check", "file", "subject", "until", "reason")
ANYTHING = "*"


class Suppression(NamedTuple):
    """Findings of `check` in `file` about `subject`; in each `*` stands for anything. `until` is the last day."""

    check: str
    file: str
    subject: str
    until: date
    reason: str
    source: str
    line: int

    def covers(self, finding: Finding) -> bool:
        """Whether it is meant; whether it still holds is another question."""
        texts = (finding.check.id, portable(finding.file), finding.subject)
        return all(map(_like, (self.check, self.file, self.subject), texts))

    def note(self, text: str) -> Note:
        """A line about it."""
        return Note(self.source, self.line, f"the suppression of {self.check} {text}")


def suppressions(file: FilePath, checks: Collection[str], today: date) -> Iterator[Suppression | Problem]:
    """Those of a file; a wrong one is a `Problem` and keeps no other from being used. `checks` are ids that exist."""
    for document in named_by("--config", file):
        if isinstance(document, Problem):
            yield document
        else:
            yield from _of_document(document, checks, today)


def _of_document(document: Document, checks: Collection[str], today: date) -> Iterator[Suppression | Problem]:
    reading = Reading()
    top = Section(document.content, (), reading)
    if not isinstance(document.content, dict) or set(document.content) != {"suppressions"}:
        yield Problem(document.file, document.line(()), "must have the key suppressions and no other")
        return
    for one in top.sections("suppressions"):
        try:
            yield _suppression(one, document, checks, today)
        except ValueError as error:
            yield Problem(document.file, document.line(one.path), str(error))
    yield from (Problem(document.file, document.line(path), text) for path, text in reading.wrong)


def _suppression(one: Section, document: Document, checks: Collection[str], today: date) -> Suppression:
    """Raises `ValueError` with what is wrong."""
    if unknown := set(one.content) - set(FIELDS):
        raise ValueError(f"a suppression has no {', '.join(sorted(unknown))}; it has {', '.join(FIELDS)}")
    check, reason = one.text("check"), (one.text("reason") or "").strip()
    if check not in checks and check != ANYTHING:
        raise ValueError(f"a suppression needs check, the id of one or *; {check or 'nothing'} is none")
    if not reason:
        raise ValueError(f"the suppression of {check} needs a reason")
    return Suppression(
        check=check or ANYTHING,
        file=one.text("file") or ANYTHING,
        subject=one.text("subject") or ANYTHING,
        until=_until(one.text("until"), check or ANYTHING, today),
        reason=reason,
        source=document.file,
        line=document.line(one.path),
    )


def _until(text: str | None, check: str, today: date) -> date:
    try:
        until = date.fromisoformat(text or "")
    except ValueError as error:
        raise ValueError(f"the suppression of {check} needs until, its last day, as in 2027-03-31") from error
    if until - today > LONGEST:
        raise ValueError(f"the suppression of {check} lasts longer than a year: until may be {today + LONGEST} at most")
    return until


def _like(pattern: str, text: str) -> bool:
    """`*` for anything; nothing else is special: addresses of Terraform have brackets."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
