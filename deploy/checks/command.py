"""`fargate-sensor check PATH...`: what to mend before it ships."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.checks import baseline, reports, suppressions, waivers
from deploy.checks.catalog import catalog
from deploy.checks.check import Check, Severity
from deploy.checks.engine import Result, run
from deploy.checks.files import ComeUpon, files_in
from deploy.checks.problems import Problem

ABOUT = """\
Checks ECS task definitions (JSON), CloudFormation and SAM templates, Terraform plans (`terraform show -json`) and
Kubernetes manifests, rendered charts among them, for what matters on Fargate. Directories are searched for .json,
.yaml, .yml and .template; what is none of these kinds is passed over and counted, and what cannot be decoded is told.
Values of secrets are never shown."""
EXAMPLE = "example: fargate-sensor check --verbose task-definitions/ template.yaml"
NEVER = "never"


def main(argv: list[str], today: date | None = None) -> int:
    """Returns 0 when nothing as bad as --fail-on was found, 1 when it was or a file had problems, 2 on wrong usage.

    `today` is the day in UTC that suppressions are measured by.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has said what is wrong, or shown its help
        return int(end.code or 0)
    checks = catalog()
    result = run(checks, _progress(files_in(map(Path, options.paths), pass_over=options.pass_over)))
    _suppress(checks, result, options, today or datetime.now(UTC).date())
    if options.baseline is not None:
        _compare(result, options.baseline)
    if options.write_baseline is not None:
        _write(result, options.write_baseline)
    for line in (*result.problems, *result.notes):
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(_report(checks, result, options))
    least = None if options.fail_on == NEVER else Severity[options.fail_on.upper()]
    found = least is not None and any(finding.check.severity >= least for finding in result.findings)
    return 1 if found or result.problems else 0


def _suppress(checks: tuple[Check, ...], result: Result, options: argparse.Namespace, today: date) -> None:
    file = Path(options.config or suppressions.DEFAULT)
    if options.config is None and not file.exists():
        return
    listed = []
    for one in suppressions.suppressions(file, {check.id for check in checks}, today):
        if isinstance(one, Problem):
            result.problems.append(one)
        else:
            listed.append(one)
    waivers.suppress(result, listed, today)


def _compare(result: Result, file: str) -> None:
    known: Counter[str] = Counter()
    for one in baseline.known(Path(file)):
        if isinstance(one, Problem):
            result.problems.append(one)
        else:
            known[one[0]] += one[1]
    waivers.compare(result, file, known)


def _write(result: Result, file: str) -> None:
    """All that is not suppressed becomes known, in this run too."""
    try:
        Path(file).write_text(baseline.written(result.findings), encoding="utf-8")
    except OSError as error:
        result.problems.append(Problem(file, None, f"cannot be written: {error.strerror or error}"))
        return
    waivers.compare(result, file, baseline.marks(result.findings))


def _report(checks: tuple[Check, ...], result: Result, options: argparse.Namespace) -> str:
    if options.format == "json":
        return reports.as_json(result) + "\n"
    if options.format == "sarif":
        return reports.sarif(checks, result) + "\n"
    return "".join(f"{line}\n" for line in reports.text(result, verbose=options.verbose))


def _progress(files: Iterable[Path | ComeUpon | Problem]) -> Iterator[Path | ComeUpon | Problem]:
    """The files; on a terminal a line shows how many were looked at."""
    shown = sys.stderr.isatty()
    for number, file in enumerate(files):
        if shown and number % 50 == 0:
            sys.stderr.write(f"\r{number} files")
            sys.stderr.flush()
        yield file
    if shown:
        sys.stderr.write("\r\x1b[K")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fargate-sensor check",
        description=ABOUT,
        epilog=EXAMPLE,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files and directories")
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="text unless named")
    parser.add_argument("--verbose", action="store_true", help="where each finding is, and how to mend it")
    parser.add_argument(
        "--config", metavar="FILE", help=f"suppressions ({suppressions.DEFAULT} of the working directory if it exists)"
    )
    parser.add_argument(
        "--pass-over",
        action="store_true",
        help="for hooks: take files as those of a directory; one that cannot be decoded fails only where it looks ours",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--baseline", metavar="FILE", help="leave out the findings that FILE knows")
    group.add_argument("--write-baseline", metavar="FILE", help="write all findings into FILE, and leave them out")
    levels = [level.name.lower() for level in Severity]
    parser.add_argument(
        "--fail-on", choices=(*levels, NEVER), default="medium", help="exit with 1 from this severity on (medium)"
    )
    return parser
