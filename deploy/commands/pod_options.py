"""What is wished for pods, as options of `inject pod` and `webhook` or as variables of the environment.

Each option has a variable: `--token-secret` is `FARGATE_SENSOR_TOKEN_SECRET`. The option wins; an empty variable is
none. Of an option that may be repeated the variable has one a line; destinations may stand between commas as well.
"""

import argparse
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from deploy.commands import values
from deploy.commands.complaints import CannotDo
from deploy.pod.wishes import Mode, SecretKey, Security, Wishes
from deploy.sidecar import destinations
from deploy.sidecar.destinations import FORMS
from deploy.sidecar.variables import mistake_in_pod

PREFIX = "FARGATE_SENSOR_"
TOKEN_KEY = "token"  # noqa: S105 - the name of a key
_NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_SECRET = re.compile(rf"({_NAME})(?:/([-._a-zA-Z0-9]{{1,253}}))?")
_QUANTITY = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")


def add_options(parser: argparse.ArgumentParser) -> None:
    """One for each wish."""
    for option in OPTIONS:
        action: Any = "append" if option.split else argparse.BooleanOptionalAction if option.switch else "store"
        metavar: dict[str, Any] = {} if option.switch else {"metavar": option.metavar}
        about = f"{option.about} ({option.variable})"
        parser.add_argument(option.flag, dest=option.name, action=action, help=about, **metavar)


def wishes(options: argparse.Namespace, environ: Mapping[str, str]) -> Wishes:
    """All that is said. Raises `CannotDo` with a line for each thing that is wrong or missing."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for option in OPTIONS:
        named, said = _said(option, options, environ)
        if said is None:
            continue
        try:
            found[option.name] = option.meaning(said)
        except ValueError as error:
            wrong.append(f"{named}: {error}")
    wrong += [] if wrong else _missing(found)
    if wrong:
        raise CannotDo(wrong, 2)
    targets = (*found.pop("ingest_url", ()), *found.pop("destination", ()))
    return Wishes(destinations=targets, **{_FIELDS.get(name, name): value for name, value in found.items()})


def _said(option: "Option", options: argparse.Namespace, environ: Mapping[str, str]) -> tuple[str, Any]:
    """The name under which it was said, and what; None where it was not."""
    given = getattr(options, option.name)
    if given is not None:
        return option.flag, {True: "true", False: "false"}[given] if option.switch else given
    text = environ.get(option.variable, "").strip()
    if not text:
        return option.variable, None
    return option.variable, option.split(text) if option.split else text


def _missing(found: Mapping[str, Any]) -> list[str]:
    lines = [] if "image" in found else [f"--image or {PREFIX}IMAGE is needed"]
    if not any(found.get(key) for key in ("ingest_url", "destination")) and not destinations.named(
        found.get("env", {})
    ):
        lines.append(f"--ingest-url or --destination is needed, or {PREFIX}INGEST_URL or {PREFIX}DESTINATIONS")
    return lines


def _ingest(text: str) -> tuple[destinations.Destination, ...]:
    return (destinations.ingest(text),)


def _destinations(given: list[str]) -> tuple[destinations.Destination, ...]:
    return tuple(map(destinations.parse, given))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _listed(text: str) -> list[str]:
    return [one for one in re.split(r"[,\s]+", text) if one]


def _one_of(*choices: str) -> Callable[[str], str]:
    def meaning(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{ascii(text)[:80]} is none of {', '.join(choices)}")
        return text

    return meaning


def _version(text: str) -> tuple[int, int]:
    """`1.31`, `v1.31.4-eks-2d5f260`."""
    found = re.match(r"v?(\d{1,3})\.(\d{1,3})(?=[.+\-]|$)", text)
    if found is None:
        raise ValueError(f"{ascii(text)[:80]} is no version of Kubernetes, such as 1.31")
    return int(found[1]), int(found[2])


def _token_secret(text: str) -> SecretKey:
    found = _SECRET.fullmatch(text)
    if found is None:
        raise ValueError("expected NAME or NAME/KEY of a secret in the pod's namespace, not the token itself")
    return SecretKey(found[1], found[2] or TOKEN_KEY)


def _variables(given: list[str]) -> dict[str, str]:
    return values.variables(given, mistake_in_pod)


def _pull_secrets(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not all(re.fullmatch(_NAME, name) for name in names):
        raise ValueError("expected the names of secrets, with commas between them")
    return names


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{ascii(text)[:80]} is neither true nor false")
    return text == "true"


def _resources(text: str) -> dict[str, dict[str, str]]:
    """`{"requests": {"memory": "64Mi"}}` (ResourceRequirements, core/v1)."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("expected JSON with requests and limits") from error
    if not isinstance(plain, dict) or not plain.keys() <= {"requests", "limits"}:
        raise ValueError("expected JSON with requests and limits")
    return {kind: _quantities(kind, listed) for kind, listed in plain.items() if listed}


def _quantities(kind: str, listed: object) -> dict[str, str]:
    if not isinstance(listed, dict):
        raise ValueError(f"{kind} is no object")  # noqa: TRY004 - what people write is a wrong value, whatever its type
    for name, one in listed.items():
        if isinstance(one, bool) or not isinstance(one, str | int | float) or not _QUANTITY.fullmatch(str(one)):
            raise ValueError(f"{kind}.{ascii(name)[:80]} is no quantity, such as 250m or 64Mi")
    return {name: str(one) for name, one in listed.items()}


class Option(NamedTuple):
    """One wish. `meaning` makes the text, or the list of texts of a repeated option, what the wish has."""

    name: str
    metavar: str
    meaning: Callable[[Any], Any]
    about: str
    split: Callable[[str], list[str]] | None = None
    """How a variable says several, where the option may be repeated."""
    switch: bool = False

    @property
    def flag(self) -> str:
        """On the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """In the environment."""
        return PREFIX + (self.name.upper() if self.name != "destination" else "DESTINATIONS")


_FIELDS = {"env": "variables", "opt": "opt_in"}
"""Where a field of the wishes has another name than the option."""

OPTIONS = (
    Option("image", "IMAGE", values.image, "the sensor's image in your registry"),
    Option("ingest_url", "URL", _ingest, "send events to this ingest"),
    Option("destination", "WHERE", _destinations, f"send events there: {FORMS}; may be repeated", split=_listed),
    Option(
        "token_secret",
        "NAME[/KEY]",
        _token_secret,
        f"secret in the pod's namespace with the ingest's write token, under the key {TOKEN_KEY} unless said; without "
        "it the pod shows a token of its service account",
    ),
    Option("env", "SENSOR_NAME=VALUE", _variables, "any other setting; may be repeated", split=_lines),
    Option(
        "mode",
        "|".join(get_args(Mode)),
        _one_of(*get_args(Mode)),
        "an init container that is restarted, or an ordinary container; auto: native since Kubernetes 1.29",
    ),
    Option("cluster_version", "1.31", _version, "of Kubernetes, for auto; not known: ordinary"),
    Option(
        "security",
        "|".join(get_args(Security)),
        _one_of(*get_args(Security)),
        "root sees all; same-uid is for namespaces with Pod Security restricted, and sees less",
    ),
    Option("spool", "", _switch, "whether events wait on a volume of the pod as well; yes by default", switch=True),
    Option("resources", "JSON", _resources, "requests and limits; none by default, on Fargate they decide the size"),
    Option("pull_secrets", "NAME,…", _pull_secrets, "secrets in the pod's namespace to pull the sensor's image with"),
    Option("opt", "in|out", lambda text: _one_of("in", "out")(text) == "in", "in: only pods that ask for the sensor"),
)
