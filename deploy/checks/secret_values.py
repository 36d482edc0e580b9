"""Whether a variable gives a secret away; its value is never part of the answer."""

import math
import re
from collections import Counter

from deploy.checks.readers.intrinsics import NO_ECHO
from sensor.enrich.secret_shapes import MASK
from sensor.enrich.secret_text import mask_text
from sensor.model.secret_names import is_secret_by_name

DYNAMIC = re.compile(r"\{\{resolve:(?:secretsmanager|ssm-secure):")
_RANDOM = re.compile(r"(?!/)[A-Za-z0-9+/_=-]{32,256}")
"""What begins with a slash is a path."""
_HOLE = re.compile(r"\$\{[^}]*\}?")
_HOLE_FILLED = "$("
"""A shell's command: as a user or a host it is as good as any, and a password that begins with it is none."""
_NAMES_OF_SECRETS = frozenset({"FARGATE_SENSOR_TOKEN_SECRET"})
"""Variables of the webhook that say which secret to use."""
LEAST_ENTROPY = 4.5
"""Bits a character. Hexadecimal digests have at most 4; they name images and commits more often than secrets."""


def reveals(name: str, value: str) -> str | None:
    """Why the variable holds a secret, to follow its name in a sentence; else None."""
    if NO_ECHO in value:
        return "takes the value of a NoEcho parameter"
    if DYNAMIC.search(value):
        return "is resolved at deployment and then stands in the task definition in plain"
    if value.startswith("arn:"):
        return None
    written = _HOLE.sub(_HOLE_FILLED, value)
    whole = written == value
    if whole and name not in _NAMES_OF_SECRETS and is_secret_by_name(name, value):
        return "has the name of a secret"
    if mask_text(written).replace(MASK, _HOLE_FILLED) != written.replace(MASK, _HOLE_FILLED):
        return "has a value in the form of a secret"
    if whole and _RANDOM.fullmatch(value) and _entropy(value) >= LEAST_ENTROPY:
        return "has a value as random as a key"
    return None


def _entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
