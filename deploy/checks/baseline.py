"""A baseline: the findings that were there when checking began, so that only new ones count."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path as FilePath

from deploy.checks.check import Finding
from deploy.checks.documents import Document, named_by
from deploy.checks.fingerprint import fingerprint, portable
from deploy.checks.problems import Problem
from deploy.checks.section import Reading, Section

VERSION = 1
MEND = "--write-baseline makes one"


def written(findings: Iterable[Finding]) -> str:
    """The text of a baseline: names and fingerprints, in an order that makes small differences of small changes."""
    found = list(findings)
    counts = marks(found)
    rows = {
        fingerprint(f): {
            "check": f.check.id,
            "file": portable(f.file),
            "subject": f.subject,
            "fingerprint": fingerprint(f),
            "count": counts[fingerprint(f)],
        }
        for f in found
    }
    ordered = sorted(rows.values(), key=lambda row: (row["file"], row["subject"], row["check"], row["fingerprint"]))
    return json.dumps({"version": VERSION, "findings": ordered}, indent=2) + "\n"


def marks(findings: Iterable[Finding]) -> Counter[str]:
    """How many findings bear each fingerprint."""
    return Counter(map(fingerprint, findings))


def known(file: FilePath) -> Iterator[tuple[str, int] | Problem]:
    """Fingerprints and how many findings of each a baseline knows; what is wrong in it is a `Problem`."""
    for document in named_by("--baseline", file, MEND):
        if isinstance(document, Problem):
            yield document
        else:
            yield from _rows(document)


def _rows(document: Document) -> Iterator[tuple[str, int] | Problem]:
    reading = Reading()
    top = Section(document.content, (), reading)
    if top.number("version") != VERSION or not isinstance(top.raw("findings"), list):
        yield Problem(document.file, None, f"is no baseline of version {VERSION}: {MEND}")
        return
    for row in top.sections("findings"):
        mark, count = row.text("fingerprint"), row.number("count")
        if mark is None or count is None or count < 1:
            yield Problem(document.file, document.line(row.path), "needs a fingerprint and a count")
        else:
            yield mark, count
    yield from (Problem(document.file, document.line(path), text) for path, text in reading.wrong)
