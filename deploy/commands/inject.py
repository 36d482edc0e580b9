"""`fargate-sensor inject ecs FILE` and `inject pod FILE`: the sensor into a document, as a command."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

from deploy.commands import files, inject_ecs, inject_pod
from deploy.commands.complaints import CannotDo, Parser, say
from deploy.diff import difference
from deploy.documents.errors import MalformedDocument
from deploy.told import Told

PROGRAM = "fargate-sensor inject"
ABOUT = """\
Writes a document with the sensor as a sidecar of what runs there, or without it again. What changes is shown on a
terminal, with a warning for all that may work differently afterwards."""
EXAMPLE = """\
for example:
  fargate-sensor inject ecs task.json --ingest-url https://ingest.example.org --image REGISTRY/fargate-sensor:0.1.0
  fargate-sensor inject pod shop.yaml --ingest-url https://ingest.example.org --image REGISTRY/fargate-sensor:0.1.0"""


class Done(NamedTuple):
    """What a platform makes of a document."""

    original: str
    text: str
    told: list[Told]


Work = Callable[[bytes, argparse.Namespace], tuple[str, str, list[Told]]]


def main(argv: list[str]) -> int:
    """Do it, and tell. Returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        done = _done(options)
        files.write(done.text, options.output)
    except CannotDo as error:
        say(PROGRAM, error.lines)
        return error.code
    if sys.stderr.isatty():
        colour = not os.environ.get("NO_COLOR")
        sys.stderr.writelines(difference(done.original, done.text, options.file, colour=colour))
    say(PROGRAM, (f"{one.level}: {one.text}" for one in done.told))
    return 0


def _done(options: argparse.Namespace) -> Done:
    work: Work = options.work
    try:
        return Done(*work(files.read(options.file), options))
    except MalformedDocument as error:
        raise CannotDo([error.told(files.shown(options.file))]) from error


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description=ABOUT, epilog=EXAMPLE)
    platforms = parser.add_subparsers(dest="platform", metavar="PLATFORM", required=True)
    for name, platform in (("ecs", inject_ecs), ("pod", inject_pod)):
        one = platforms.add_parser(name, help=platform.HELP, description=platform.ABOUT, epilog=platform.EXAMPLE)
        one.add_argument("file", metavar="FILE", help="the document; - is standard input")
        one.add_argument(
            "-o", "--output", metavar="FILE", help="where to write, instead of standard output; may be FILE"
        )
        platform.add_options(one)
        one.add_argument("--remove", action="store_true", help="take the sensor out again")
        one.set_defaults(work=platform.work)
    return parser
