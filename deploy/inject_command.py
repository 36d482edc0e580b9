"""`fargate-sensor inject ecs FILE`: the sensor into a task definition, as a command."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deploy.diff import difference
from deploy.documents.errors import MalformedDocument
from deploy.ecs.definition import Definition
from deploy.ecs.document import Document, read
from deploy.ecs.inject import CannotInject, inject, missing
from deploy.ecs.obstacles import obstacles
from deploy.ecs.remove import remove
from deploy.told import Told
from deploy.ecs.wishes import Wishes
from deploy.sidecar import destinations
from deploy.sidecar.destinations import FORMS, Destination, NoDestination
from deploy.sidecar.variables import SECRETS, is_image, is_name

PROGRAM = "fargate-sensor inject"
IMAGE = "FARGATE_SENSOR_IMAGE"
ABOUT = """\
Reads an ECS task definition and writes it with the sensor as its sidecar. FILE is JSON for register-task-definition,
the answer of describe-task-definition, an array of container definitions as Terraform has them, or a CloudFormation or
SAM template in YAML or JSON; - is standard input. A second run updates, and keeps what it is not told anew; --remove
takes out all that was put in. What changes is shown on a terminal, with a warning for all that may work differently.
Exit codes: 0 when written, 1 when it cannot be done (nothing is written then), 2 for wrong usage."""
EXAMPLE = """\
for example:
  fargate-sensor inject ecs task.json --ingest-url https://ingest.example.org \\
    --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/fargate-sensor:0.1.0 -o task-with-sensor.json
  aws ecs describe-task-definition --task-definition shop --output json \\
    | fargate-sensor inject ecs - --destination kinesis:security > register.json"""
_SECRET_ARN = re.compile(r"arn:[\w-]+:(secretsmanager|ssm):[\w-]*:\d*:\S+")


class _Parser(argparse.ArgumentParser):
    """One line says what is wrong."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{PROGRAM}: {message}; see {PROGRAM} --help\n")
        raise SystemExit(2)


class CannotDo(Exception):
    """Lines that say why nothing is written."""

    def __init__(self, lines: Sequence[str], code: int = 1) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)
        self.code = code


def main(argv: list[str]) -> int:
    """Do it, and tell. Returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        document = _read(options.file)
        told = [Told("note", line) for line in document.notes] + _work(document, options)
        text = document.text()
        _write(text, options.output)
    except CannotDo as error:
        sys.stderr.writelines(f"{PROGRAM}: {line}\n" for line in error.lines)
        return error.code
    if sys.stderr.isatty():
        colour = not os.environ.get("NO_COLOR")
        sys.stderr.writelines(difference(document.original, text, options.file, colour=colour))
    sys.stderr.writelines(f"{PROGRAM}: {one.level}: {one.text}\n" for one in told)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description=ABOUT,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("platform", choices=("ecs",), help="what the document is for")
    parser.add_argument("file", metavar="FILE", help="the document; - is standard input")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write, instead of standard output; may be FILE"
    )
    parser.add_argument("--ingest-url", metavar="URL", help="send events to this ingest")
    parser.add_argument(
        "--destination",
        metavar="WHERE",
        action="append",
        default=[],
        help=f"send events there: {FORMS}; may be repeated",
    )
    parser.add_argument("--image", help=f"the sensor's image in your registry ({IMAGE})")
    parser.add_argument(
        "--token-secret", metavar="ARN", help="secret with the ingest's write token; a task with a role needs none"
    )
    parser.add_argument(
        "--env", metavar="SENSOR_NAME=VALUE", action="append", default=[], help="any other setting; may be repeated"
    )
    parser.add_argument(
        "--depends-on",
        action=argparse.BooleanOptionalAction,
        help="whether the app's containers start after the sensor, and stop before it (yes)",
    )
    parser.add_argument(
        "--spool",
        action=argparse.BooleanOptionalAction,
        help="whether events wait on a volume of the task as well (yes)",
    )
    parser.add_argument("--allow-resize", action="store_true", help="take the next size of task where memory is short")
    parser.add_argument(
        "--resource", metavar="NAME", action="append", default=[], help="of a template: only this one; may be repeated"
    )
    parser.add_argument("--remove", action="store_true", help="take the sensor out again")
    return parser


def _read(name: str) -> Document:
    try:
        return read(sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes())
    except MalformedDocument as error:
        raise CannotDo([error.told(_shown(name))]) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotDo([f"{_shown(name)}: cannot be read: {reason}"]) from error


def _work(document: Document, options: argparse.Namespace) -> list[Told]:
    """Change all definitions, or none."""
    chosen = _chosen(document, options.resource)
    if options.remove:
        return [_placed(one, told) for one in chosen for told in remove(one)]
    wishes = _wishes(options)
    lines = [_line(options.file, one, reason) for one in chosen for reason in obstacles(one)]
    if lines:
        raise CannotDo(lines)
    for one in chosen:
        if option := missing(one, wishes):
            raise CannotDo([f"{_line(options.file, one, option)} is needed the first time; see {PROGRAM} --help"], 2)
    try:
        return [_placed(one, told) for one in chosen for told in inject(one, wishes)]
    except CannotInject as error:
        raise CannotDo([_line(options.file, chosen[0], reason) for reason in error.reasons]) from error


def _chosen(document: Document, names: Sequence[str]) -> list[Definition]:
    if not names:
        return list(document.definitions)
    there = {one.place: one for one in document.definitions if one.place}
    if unknown := [name for name in names if name not in there]:
        known = ", ".join(there) or "none: this is no template"
        raise CannotDo([f"--resource: no task definition {ascii(unknown[0])[:80]}; there are {known}"], 2)
    return [there[name] for name in dict.fromkeys(names)]


def _wishes(options: argparse.Namespace) -> Wishes:
    image = options.image or os.environ.get(IMAGE) or None
    if image is not None and not is_image(image):
        raise CannotDo([f"--image: {ascii(image)[:80]} is no image"], 2)
    if options.token_secret is not None and not _SECRET_ARN.fullmatch(options.token_secret):
        raise CannotDo(["--token-secret: expected the ARN of a secret or a parameter, not the token itself"], 2)
    return Wishes(
        image=image,
        destinations=_destinations(options),
        variables=_variables(options.env),
        token_secret=options.token_secret,
        depends_on=options.depends_on,
        spool=options.spool,
        allow_resize=options.allow_resize,
    )


def _destinations(options: argparse.Namespace) -> tuple[Destination, ...]:
    try:
        named = [destinations.ingest(options.ingest_url)] if options.ingest_url is not None else []
    except NoDestination as error:
        raise CannotDo([f"--ingest-url: {error}"], 2) from error
    try:
        return (*named, *map(destinations.parse, options.destination))
    except NoDestination as error:
        raise CannotDo([f"--destination: {error}"], 2) from error


def _variables(given: Sequence[str]) -> dict[str, str]:
    """Never repeats a value: a misplaced token is a token."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not is_name(name):
            raise CannotDo(["--env: expected SENSOR_NAME=VALUE"], 2)
        if name in SECRETS:
            raise CannotDo([f"--env: {name} would stand in the document for all to read; see --token-secret"], 2)
        found[name] = value
    return found


def _write(text: str, name: str | None) -> None:
    """To standard output, or to a file that is replaced whole."""
    if name is None or name == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())  # UTF-8 as it was read, whatever the locale
        sys.stdout.buffer.flush()
        return
    target = Path(name)
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        with tempfile.NamedTemporaryFile(dir=target.resolve().parent, prefix=f".{target.name}.", delete=False) as file:
            file.write(text.encode())
        Path(file.name).chmod(mode)
        Path(file.name).replace(target.resolve())
    except OSError as error:
        raise CannotDo([f"{_shown(name)}: cannot be written: {error.strerror}"]) from error


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _placed(definition: Definition, told: Told) -> Told:
    return told._replace(text=f"{definition.place}: {told.text}") if definition.place else told


def _line(name: str, definition: Definition, text: str) -> str:
    return f"{_shown(name)}: {definition.place}: {text}" if definition.place else f"{_shown(name)}: {text}"


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name
