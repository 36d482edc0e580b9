"""Secrets that only their place among a known program's operands tells of: `htpasswd -b FILE USER SECRET`."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sensor.enrich.secret_flags import LOGON_AT, Cut, after, whole


class Place(NamedTuple):
    """How many operands are passed over, and how many behind them are secret."""

    skip: int
    take: int = 1


FIRST = " "
"""Stands for the program's name, where the operands are counted from it. No word of a command is a blank."""

_NEXT = Place(0)
_RABBIT = {"add_user": Place(1), "change_password": Place(1), "authenticate_user": Place(1)}
_REDIS = {"auth": Place(0, 2)}  # AUTH [username] password
PLACES: Mapping[str, Mapping[str, Place]] = {
    "htpasswd": {FIRST: Place(2)},
    "mysqladmin": {"password": _NEXT},
    "mariadb-admin": {"password": _NEXT},
    "openssl": {"passwd": _NEXT},
    "redis-cli": _REDIS,
    "valkey-cli": _REDIS,
    "keydb-cli": _REDIS,
    "rabbitmqctl": _RABBIT,
    "vault": {"unseal": _NEXT},
    "neo4j-admin": {"set-initial-password": _NEXT},
    "grafana-cli": {"reset-admin-password": _NEXT},
    "ngrok": {"authtoken": _NEXT, "add-authtoken": _NEXT},
    "mc": {"set": Place(3)},  # alias set NAME URL ACCESS-KEY SECRET-KEY
}
"""By program: behind which of its words, in lower case, a secret stands."""

WITHOUT_FILE: Mapping[str, tuple[str, Place]] = {"htpasswd": ("n", Place(1))}
"""The letter among a program's options with which no file is named, and the place then: `htpasswd -nb USER SECRET`."""

_ORACLE = re.compile(r"(?P<start>(?:userid=)?[\w$#.-]{1,128}/)(?P<secret>[^@\s]+)", re.IGNORECASE)
LOGONS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("sqlplus", "sqlcl", "sqlldr", "expdp", "impdp", "rman"), _ORACLE),
    "mysqlsh": LOGON_AT,
}
"""Programs with an operand that is a user with his password, and its form."""

Flags = Mapping[str, Cut]

_LOGIN: dict[str, Flags] = {"login": {"-p": whole}}
_KUBERNETES: dict[str, Flags] = {"secret": {"--from-literal": after("=")}}
_SECRET: Flags = {"--secret-string": whole}
_AWS: dict[str, Flags] = {
    "put-parameter": {"--value": whole},
    "create-secret": _SECRET,
    "put-secret-value": _SECRET,
    "update-secret": _SECRET,
}
SUBCOMMANDS: Mapping[str, Mapping[str, Flags]] = {
    **dict.fromkeys(("docker", "podman", "nerdctl", "buildah", "skopeo", "crane", "helm", "oras", "az", "cf"), _LOGIN),
    "oc": _LOGIN | _KUBERNETES,
    "kubectl": _KUBERNETES,
    "aws": _AWS,
}
"""Programs of which a command has options that take secrets, and mean something else in their other commands."""

SETTERS = frozenset(("set", "create", "update"))
"""Words before `VALUE_FOLLOWS`: what only looks for such a name has the name of a file behind it."""
VALUE_FOLLOWS = frozenset(
    ("aws_secret_access_key", "aws_session_token", "secret_access_key", "requirepass", "masterauth", "masterpass")
) | {"_authToken", "_auth", "_password", "npmAuthToken"}
"""Settings of which the next argument is the secret: `aws configure set profile.x.aws_secret_access_key …`."""
