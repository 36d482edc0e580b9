"""Which names stand for secrets: of options, environment variables, properties, JSON keys and HTTP headers."""

import re

WORDS = (
    r"(?:passw(?:or)?d|passphrase|secret|token|bearer"
    r"|(?:access|account|api|app|application|auth|encryption|hmac|jwt|license|master|private|secret|session|shared"
    r"|signing|storage)[_.-]?key(?:[_.-]base)?"
    r"|(?:admin|db|key|require|root|store|user)pass|masterauth"
    r"|(?<![a-z])(?:pass|pwd|creds)|(?<=_)auth)"
    r"[_.-]?\d{0,2}"
)
"""What the name of a secret ends in; to be matched without regard to case.

Only the end counts: `DB_PASSWORD` is one, `PASSWORD_FILE`, `--token-ttl` and `--secret-id` are none. Short words must
stand alone, since `--bypass` is no pass.
"""

HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
"""HTTP headers that carry secrets although their names do not say so."""

_ENDS_IN_WORD = re.compile(rf"{WORDS}\Z", re.IGNORECASE)
_PATH = re.compile(r"(?:~|\.{1,2})?/[\w.@~+/-]*\w")
_REFERENCE = re.compile(r"\$(?:[A-Z_][A-Z0-9_]*|\{\w+\}|\(.*)?|`.*", re.DOTALL)
_PLAIN = frozenset({"", "true", "false", "yes", "no", "none", "null"})
_SWITCHES = frozenset({"on", "off", "1", "0"})
"""Of variables such as MYSQL_ALLOW_EMPTY_PASSWORD; on a command line they may be a short password and are masked."""
_MAY_BE_PATH = re.compile(r"private[_.-]?key\Z|(?<![a-z])pwd\Z", re.IGNORECASE)
_DIRECTORIES = frozenset({"PWD", "OLDPWD"})
"""Variables in which every shell has its directory (POSIX, 2.5.3), whatever that is called."""
_BUILD_SECRET = ("id=", "type=", "source=", "src=")
PASSWORD_IN_URL = re.compile(r"""(?P<start>://[^\s/?#:@'"]{0,256}:)(?P<secret>[^\s/?#'"]+)(?P<end>@)""")
"""The password of `scheme://user:password@host`."""


def is_secret_name(name: str) -> bool:
    """Whether a value of this name is a secret; long names are looked at from their end."""
    return _ENDS_IN_WORD.search(name[-64:]) is not None


def is_secret_value(name: str, value: str) -> bool:
    """Whether the value of a secret's name gives anything away: variables, switches and paths of key files do not."""
    if value.lower() in _PLAIN or is_reference(value):
        return False
    if _MAY_BE_PATH.search(name) and _PATH.fullmatch(value):
        return False
    return not (name.lower().endswith("secret") and value.startswith(_BUILD_SECRET))


def is_reference(value: str) -> bool:
    """Whether the value is a shell's variable or command, such as `$DB_PASSWORD` or `"$(cat /run/secrets/db)"`."""
    return _REFERENCE.fullmatch(value.strip("'\"")) is not None


def is_secret_by_name(name: str, value: str) -> bool:
    """Whether a variable of an environment has the name of a secret, and a value that gives it away."""
    if name in _DIRECTORIES or value.lower() in _SWITCHES:
        return False
    return is_secret_name(name) and is_secret_value(name, value)


def is_secret_variable(name: str, value: str) -> bool:
    """Whether a variable of an environment holds a secret: by its name, or as a URL with a password in it.

    An ARN says where a secret is kept, and is none.
    """
    if value.startswith("arn:"):
        return False
    if is_secret_by_name(name, value):
        return True
    found = PASSWORD_IN_URL.search(value)
    return found is not None and not is_reference(found["secret"])
