"""`fargate-sensor check PATH...`: what to mend before it ships."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.checks import reports
from deploy.checks.catalog import catalog
from deploy.checks.check import Check, Severity
from deploy.checks.engine import Result, run
from deploy.checks.files import files_in

ABOUT = """\
Checks ECS task definitions (JSON), CloudFormation and SAM templates, Terraform plans (`terraform show -json`) and
Kubernetes manifests, rendered charts among them, for what matters on Fargate. Directories are searched for .json,
.yaml, .yml and .template; what is none of these kinds is passed over and counted. Values of secrets are never shown."""
EXAMPLE = "example: fargate-sensor check --verbose task-definitions/ template.yaml"
NEVER = "never"


def main(argv: list[str]) -> int:
    """Returns 0 when nothing as bad as --fail-on was found, 1 when it was or a file had problems, 2 on wrong usage."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has said what is wrong, or shown its help
        return int(end.code or 0)
    checks = catalog()
    result = run(checks, _progress(files_in(map(Path, options.paths))))
    for problem in result.problems:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write(_report(checks, result, options))
    least = None if options.fail_on == NEVER else Severity[options.fail_on.upper()]
    found = least is not None and any(finding.check.severity >= least for finding in result.findings)
    return 1 if found or result.problems else 0


def _report(checks: tuple[Check, ...], result: Result, options: argparse.Namespace) -> str:
    if options.format == "json":
        return reports.as_json(result) + "\n"
    if options.format == "sarif":
        return reports.sarif(checks, result) + "\n"
    return "".join(f"{line}\n" for line in reports.text(result, verbose=options.verbose))


def _progress(files: Iterable[Path]) -> Iterator[Path]:
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
    levels = [level.name.lower() for level in Severity]
    parser.add_argument(
        "--fail-on", choices=(*levels, NEVER), default="medium", help="exit with 1 from this severity on (medium)"
    )
    return parser
