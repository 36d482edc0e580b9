"""The first stage's check: environment and command line → `Settings`, all that is wrong told at once.

Uses pydantic's core, which the second stage must not import.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic_core import SchemaValidator, ValidationError

from sensor.config import ingest_identity, rules
from sensor.config.problem import Problem, got
from sensor.config.schema import dataclass_schema
from sensor.config.settings import JSON, LISTS, SECRETS, SETTINGS, SWITCHES, Settings, variable
from sensor.config.sources import Given, Sources, from_environment, from_options, merged

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

_SETTINGS = SchemaValidator(cast("CoreSchema", dataclass_schema(Settings)))
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in SETTINGS}
_PREAMBLE = re.compile(r"^(Input|String|Tuple) | after validation, not \d+")
_UNSHOWN = SECRETS | {"ingest_url", "sqs_queue_url", "ingest_token_file", "ingest_identity_file"}
"""Settings whose value is not repeated in a line: it is a secret, or may hold one, or stand where its file should."""
HOLES = ("${", "$(", "{{resolve:")
"""What begins a place that is filled in later: by templates and Terraform, by Kubernetes, by CloudFormation."""


class Checked(NamedTuple):
    """The settings that are valid by themselves (the rest at its default), and a line for all that is not."""

    settings: Settings
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check(environ: Mapping[str, str], argv: Sequence[str] = (), *, forced: Mapping[str, str] | None = None) -> Checked:
    """The settings of an environment and options; `forced` are a command's own, which nothing overrides."""
    given = merged(from_environment(environ), from_options(argv))
    given = merged(given, Sources({name: Given(variable(name), text) for name, text in (forced or {}).items()}))
    settings, mistyped = _typed(given.values)
    settings = ingest_identity.chosen(settings, environ)
    wrong = {problem.name for problem in mistyped}
    broken = _first_of_each(p for p in rules.problems(settings) if p.name not in wrong)
    settings = replace(settings, **{p.name: _DEFAULTS[p.name] for p in broken})
    return Checked(
        settings,
        (*given.problems, *_lines([*mistyped, *broken], given.values)),
        tuple(_lines(rules.warnings(settings), given.values)),
    )


def mistakes(environ: Mapping[str, str], holes: Sequence[str] = HOLES) -> tuple[str, ...]:
    """A line, without the value, for each name that is no setting and each value that no sensor would take.

    For who writes a part of an environment: what settings ask of each other is left to the sensor. A value with one of
    `holes` in it is filled in elsewhere.
    """
    whole = {key: "" if any(hole in text for hole in holes) else text for key, text in environ.items()}
    given = from_environment(whole)
    settings, mistyped = _typed(given.values)
    wrong = _first_of_each([*mistyped, *rules.of_values(settings)])
    return (*given.problems, *_lines((problem._replace(got="") for problem in wrong), given.values))


def _typed(values: Mapping[str, Given]) -> tuple[Settings, list[Problem]]:
    """The values in their types; those that do not fit are left at their defaults and told."""
    plain = {name: _plain(name, given.text) for name, given in values.items()}
    try:
        return _SETTINGS.validate_python(plain), []
    except ValidationError as error:
        found = _first_of_each(_problem(dict(e)) for e in error.errors(include_url=False))
    wrong = {problem.name for problem in found}
    return _SETTINGS.validate_python({k: v for k, v in plain.items() if k not in wrong}), found


def _first_of_each(problems: Iterable[Problem]) -> list[Problem]:
    """One line a key will do; pydantic tells a bad item of a list, and then that the list is empty without it."""
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.name, problem)
    return list(first.values())


def _plain(name: str, text: str) -> Any:
    if name in JSON:
        return _parsed(text)
    if name not in LISTS:
        return text
    return tuple(dict.fromkeys(item.strip() for item in text.split(",") if item.strip()))


def _parsed(text: str) -> Any:
    """What the JSON text holds; the text itself, which fits no such setting, where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _problem(error: dict[str, Any]) -> Problem:
    name = str(error["loc"][0])
    if name in JSON:
        return Problem(name, f"should be a JSON array of {JSON[name]}")
    expected = "should be true or false" if name in SWITCHES else _PREAMBLE.sub("", str(error["msg"]))
    shown = "" if name in _UNSHOWN else got(error["input"])
    return Problem(name, expected, shown)


def _lines(problems: Iterable[Problem], values: Mapping[str, Given]) -> list[str]:
    """One line a problem, under the name that the user wrote."""
    return [f"{values[p.name].key if p.name in values else variable(p.name)}: {p.text}{p.got}" for p in problems]
