"""What the sensor's variables take, for both platforms (docs/configuration.md)."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from sensor.config.validate import mistakes

TOKEN = "SENSOR_INGEST_TOKEN"  # noqa: S105 - the name of the variable
SECRETS = (TOKEN, "SENSOR_AWS_SECRET_ACCESS_KEY", "SENSOR_AWS_SESSION_TOKEN")
"""What may not stand where everybody reads it."""
PROBES = "SENSOR_PROBE_COMMANDS"

Mistake = Callable[[str, str], str | None]
"""Asked with a name and a value."""

MOST_COMMANDS = 64
"""Of the probes: more are refused, and would leave the sensor without any."""
MOST_WORDS, LONGEST = 256, 4096
"""Of a command, and of a word in an array: likewise."""


def fits(text: object) -> bool:
    """Whether it may stand in an array."""
    return isinstance(text, str) and len(text) <= LONGEST


def is_command(words: Sequence[object]) -> bool:
    """Whether it may be one of the probes' commands; an empty one may."""
    return len(words) <= MOST_WORDS and all(map(fits, words))


def array(value: Sequence[Sequence[Any]]) -> str:
    """How an array is written in a variable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_image(text: str) -> bool:
    """Whether it may be an image; which one it is, only a registry knows."""
    return bool(text) and text.isprintable() and " " not in text


def is_name(text: str) -> bool:
    """Whether it is spelled like one of the sensor's variables."""
    return re.fullmatch(r"SENSOR_[A-Z0-9_]+", text) is not None


def mistake(name: str, value: str) -> str | None:
    """Why the sensor would collect nothing with this variable, in a line without the value; None where it would."""
    return next(iter(mistakes({name: value})), None)


def mistake_in_pod(name: str, value: str) -> str | None:
    """The same of a value that injection writes into a pod, where Kubernetes fills nothing in (`sidecar.pod`)."""
    return next(iter(mistakes({name: value}, ("${",))), None)


def mistake_in_created_pod(name: str, value: str) -> str | None:
    """The same where nobody fills in a `${NAME}` any more either: by the webhook, into a pod that is being created."""
    return next(iter(mistakes({name: value}, ())), None)
