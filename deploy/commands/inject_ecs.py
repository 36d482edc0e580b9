"""`inject ecs`: its options, and the work on a document of task definitions."""

import argparse
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from deploy.commands import files, values
from deploy.commands.complaints import CannotDo
from deploy.ecs.definition import Definition
from deploy.ecs.document import Document, read
from deploy.ecs.inject import CannotInject, inject, missing
from deploy.ecs.obstacles import obstacles
from deploy.ecs.remove import remove
from deploy.ecs.wishes import Wishes
from deploy.sidecar import destinations
from deploy.sidecar.destinations import FORMS
from deploy.told import Told

IMAGE = "FARGATE_SENSOR_IMAGE"
HELP = "an ECS task definition, or a template with some"
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
    | fargate-sensor inject ecs - --destination kinesis:security --image "$IMAGE" > register.json"""
_SECRET_ARN = re.compile(r"arn:[\w-]+:(secretsmanager|ssm):[\w-]*:\d*:\S+")


def add_options(parser: argparse.ArgumentParser) -> None:
    """All but those that every platform has."""
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


def work(content: bytes, options: argparse.Namespace) -> tuple[str, str, list[Told]]:
    """The original, the text as it is to be, and what to tell. Raises `CannotDo`, `MalformedDocument`."""
    document = read(content)
    told = [Told("note", line) for line in document.notes] + _changed(document, options)
    return document.original, document.text(), told


def _changed(document: Document, options: argparse.Namespace) -> list[Told]:
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
            place = _line(options.file, one, option)
            when = "" if option.startswith("--env") else " the first time"
            raise CannotDo([f"{place} is needed{when}; see fargate-sensor inject ecs --help"], 2)
    try:
        told = [_placed(one, line) for one in chosen for line in inject(one, wishes)]
    except CannotInject as error:
        raise CannotDo([_line(options.file, chosen[0], reason) for reason in error.reasons]) from error
    return [*values.other_name(wishes.image), *told]


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
    ingest = options.ingest_url
    return Wishes(
        image=None if image is None else _taken("--image", values.image, image),
        destinations=(
            *([] if ingest is None else [_taken("--ingest-url", destinations.ingest, ingest)]),
            *(_taken("--destination", destinations.parse, one) for one in options.destination),
        ),
        variables=_taken("--env", values.variables, options.env),
        token_secret=None if options.token_secret is None else _taken("--token-secret", _arn, options.token_secret),
        depends_on=options.depends_on,
        spool=options.spool,
        allow_resize=options.allow_resize,
    )


def _taken(option: str, meaning: Callable[[Any], Any], value: Any) -> Any:
    try:
        return meaning(value)
    except ValueError as error:
        raise CannotDo([f"{option}: {error}"], 2) from error


def _arn(text: str) -> str:
    if not _SECRET_ARN.fullmatch(text):
        raise ValueError("expected the ARN of a secret or a parameter, not the token itself")
    return text


def _placed(definition: Definition, told: Told) -> Told:
    return told._replace(text=f"{definition.place}: {told.text}") if definition.place else told


def _line(name: str, definition: Definition, text: str) -> str:
    return f"{files.shown(name)}: {definition.place}: {text}" if definition.place else f"{files.shown(name)}: {text}"
