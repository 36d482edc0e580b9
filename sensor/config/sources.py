"""Where settings come from: `SENSOR_*` variables and command line options, as the texts that the user wrote."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sensor.config.settings import SECRETS, SETTINGS, SWITCHES, option, variable
from sensor.config.variables import ELSEWHERE, PREFIX

_SERVICE_LINK = re.compile(
    r"SENSOR(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes adds to every container for a service named `sensor` or `sensor-…`; nobody set it on purpose."""

_VARIABLES = {variable(f.name): f.name for f in SETTINGS}
_OPTIONS = {option(f.name): f.name for f in SETTINGS if f.name not in SECRETS}
_SECRET_OPTIONS = {option(name): name for name in SECRETS}
_BARE = {option(n): (n, "true") for n in SWITCHES} | {option(f"no_{n}"): (n, "false") for n in SWITCHES}


class Given(NamedTuple):
    """One value as it was written, and the name under which it was (`SENSOR_BATCH_AGE` or `--batch-age`)."""

    key: str
    text: str


class Sources(NamedTuple):
    """The values by setting, and a line for each name that is no setting."""

    values: Mapping[str, Given]
    problems: tuple[str, ...] = ()


def from_environment(environ: Mapping[str, str]) -> Sources:
    """The `SENSOR_*` variables, and those in `ELSEWHERE`.

    An empty one counts as not set, as compose files leave it that way.
    """
    values = {name: Given(key, environ[key].strip()) for key, name in ELSEWHERE if environ.get(key, "").strip()}
    problems = []
    for key in sorted(k for k in environ if k.startswith(PREFIX)):
        if key in _VARIABLES:
            if environ[key].strip():
                values[_VARIABLES[key]] = Given(key, environ[key].strip())
        elif not _SERVICE_LINK.fullmatch(key):
            problems.append(_unknown(key, _VARIABLES))
    return Sources(values, tuple(problems))


def from_options(argv: Sequence[str]) -> Sources:
    """`--name value`, `--name=value`, and for switches `--name` and `--no-name`; the last one given holds."""
    values: dict[str, Given] = {}
    problems = []
    rest = list(argv)
    while rest:
        key, equals, text = rest.pop(0).partition("=")
        if not equals and key in _BARE:
            name, text = _BARE[key]
            values[name] = Given(key, text)
        elif key not in _OPTIONS:
            problems.append(_unknown_option(key))
            _pass_over_value(rest, after=key, given=bool(equals))
        elif not equals and not rest:
            problems.append(f"{key}: needs a value")
        else:
            values[_OPTIONS[key]] = Given(key, text if equals else rest.pop(0))
    return Sources(values, tuple(problems))


_KEYS = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_session_token"})


def merged(environment: Sources, options: Sources) -> Sources:
    """Both together; an option wins over a variable."""
    values = _of_one_identity({**environment.values, **options.values})
    return Sources(values, (*environment.problems, *options.problems))


def _of_one_identity(values: dict[str, Given]) -> dict[str, Given]:
    """A key given for the sensor does not go with a secret or a session that stands there for others."""
    elsewhere = {name for name in _KEYS & values.keys() if not values[name].key.startswith((PREFIX, "-"))}
    if elsewhere == _KEYS & values.keys():
        return values
    return {name: given for name, given in values.items() if name not in elsewhere}


def _pass_over_value(rest: list[str], *, after: str, given: bool) -> None:
    """Take away what is meant as the value of an unknown option, so that it is not told as a problem of its own."""
    if rest and not given and after.startswith("-") and (after in _SECRET_OPTIONS or not rest[0].startswith("-")):
        rest.pop(0)


def _unknown_option(key: str) -> str:
    if key in _SECRET_OPTIONS:
        return f"{key}: others could read it in the process list; use {variable(_SECRET_OPTIONS[key])} or a file"
    if not key.startswith("--"):
        return "command line: a word that is no option (options look like --ingest-url https://ingest.example.org)"
    return _unknown(key, [*_OPTIONS, *_BARE])


def _unknown(key: str, known: Iterable[str]) -> str:
    """One line with the nearest known name. Never the value: a misspelt token is a token."""
    from difflib import get_close_matches  # only when something is wrong

    by_ending = {name.removeprefix(PREFIX).removeprefix("--"): name for name in known}
    near = get_close_matches(key.removeprefix(PREFIX).removeprefix("--"), by_ending, n=1)
    shown = key if key.isascii() and key.isprintable() else ascii(key)
    advice = f"did you mean {by_ending[near[0]]}?" if near else "see docs/configuration.md"
    return f"{shown[:100]}: no such setting; {advice}"
