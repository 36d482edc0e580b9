"""Takes out of a result what is known and accepted; nothing is lost: it is kept beside, with the reason."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from deploy.checks.check import Finding
from deploy.checks.engine import Result, Waived
from deploy.checks.fingerprint import fingerprint
from deploy.checks.suppressions import Suppression


def suppress(result: Result, suppressions: Iterable[Suppression], today: date) -> None:
    """Suppressed findings go to `waived`; suppressions that have ended or cover nothing are told in `notes`."""
    listed = list(suppressions)
    lasting = [one for one in listed if one.until >= today]
    used: set[Suppression] = set()
    left: list[Finding] = []
    for finding in result.findings:
        covering = [one for one in lasting if one.covers(finding)]
        used.update(covering)
        if covering:
            result.waived.append(Waived(finding, covering[0].reason))
        else:
            left.append(finding)
    result.findings = left
    for one in listed:
        if one.until < today:
            result.notes.append(one.note(f"ended on {one.until} and suppresses nothing any more"))
        elif one not in used:
            result.notes.append(one.note("matches no finding of what was checked"))


def compare(result: Result, baseline: str, known: Counter[str]) -> None:
    """Findings that the baseline knows go to `waived`, of each as many as it has; what it has more is told."""
    rest, left = known.copy(), []
    for finding in result.findings:
        mark = fingerprint(finding)
        if rest[mark] > 0:
            rest[mark] -= 1
            result.waived.append(Waived(finding, f"in the baseline {baseline}", known=True))
        else:
            left.append(finding)
    result.findings = left
    result.gone = rest.total()
