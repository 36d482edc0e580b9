"""The options by which known programs take a secret and whose names do not say so, such as `-p`."""

import re
from collections.abc import Callable, Mapping

from sensor.enrich.secret_shapes import MASK
from sensor.model.secret_names import HEADERS, is_secret_name, is_secret_value

Cut = Callable[[str], str]
"""An option's value with the secret in it masked."""


def whole(value: str) -> str:
    """The value is the secret."""
    return MASK if value else value


def attached(value: str) -> str:
    """The value is the secret, but only as part of the same argument: `-pSECRET`; after a lone `-p` nothing is."""
    return whole(value)


def after(separator: str) -> Cut:
    """Only what follows the separator is secret: `user:password`."""

    def cut(value: str) -> str:
        name, found, secret = value.partition(separator)
        return f"{name}{found}{MASK}" if secret else value

    return cut


def password_source(value: str) -> str:
    """The password arguments of openssl-passphrase-options(1): `pass:SECRET`, but also `env:` and `file:`."""
    return f"pass:{MASK}" if value.startswith("pass:") else value


def cookies(value: str) -> str:
    """curl's `-b`: cookies where there is a `=`, else the name of a file."""
    return MASK if "=" in value else value


def header(line: str) -> str:
    """An HTTP header `Name: value`, with or without the blank."""
    name, colon, value = line.partition(":")
    secret = value.strip()
    if name.lower() in HEADERS or not colon or not is_secret_name(name) or not is_secret_value(name, secret):
        return line  # those in HEADERS keep their scheme, as `secret_text` masks them
    return f"{name}:{value[: len(value) - len(value.lstrip())]}{MASK}"


_COLON, _PERCENT, _COMMA = after(":"), after("%"), after(",")

_OPENSSL = {"-pass": password_source, "-passin": password_source, "-passout": password_source}
_HEADERS_TOLD = {"-H": header, "--header": header, "--proxy-header": header}
_CURL = {"-u": _COLON, "--user": _COLON, "-U": _COLON, "--proxy-user": _COLON, "-b": cookies, "--cookie": cookies}
_MYSQL = """
    mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlbinlog mysqlslap mysqlsh mydumper xtrabackup
    mariadb mariadb-dump mariadb-admin mariadb-import mariadb-check mariadb-show mariadb-backup
"""

_LDAP = "ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ldapcompare ldapmodrdn"

FAMILIES: tuple[tuple[str, Mapping[str, Cut]], ...] = (
    (_MYSQL, {"-p": attached}),
    ("sshpass", {"-p": whole}),
    ("mongo mongosh mongodump mongorestore mongoexport mongoimport cqlsh cypher-shell rabbitmqadmin", {"-p": whole}),
    ("useradd usermod", {"-p": whole}),
    ("redis-cli valkey-cli keydb-cli", {"-a": whole}),
    (_LDAP, {"-w": whole}),
    ("ldappasswd", {"-w": whole, "-s": whole, "-a": whole}),
    ("sqlcmd bcp osql zip unzip ipmitool mosquitto_pub mosquitto_sub", {"-P": whole}),
    ("7z 7za 7zr 7zz rar unrar", {"-p": attached, "-hp": attached}),
    ("plink pscp psftp", {"-pw": whole}),
    ("snmpwalk snmpget snmpset snmpbulkwalk snmpgetnext snmptrap", {"-A": whole, "-X": whole, "-c": whole}),
    ("smbclient smbget rpcclient", {"-U": _PERCENT, "--user": _PERCENT}),
    ("lftp", {"-u": _COMMA}),
    ("etcdctl", {"--user": _COLON}),
    ("http https xh", {"-a": _COLON, "--auth": _COLON}),
    ("wget ab hey wrk grpcurl websocat", _HEADERS_TOLD),
    ("curl", _CURL | _HEADERS_TOLD),
    ("openssl", _OPENSSL | {"-k": whole, "-K": whole}),
)
"""Programs that take secrets alike, and by which options."""

PROGRAMS: Mapping[str, Mapping[str, Cut]] = {
    program: flags for programs, flags in FAMILIES for program in programs.split()
}
"""By the program's name its options and what to mask in the value of each."""

CLUSTERING = frozenset(("curl", "ldappasswd", "zip", "unzip", "useradd", "usermod", *_LDAP.split()))
"""Of them those whose short options stand together in one word, the last with what follows: `ldapsearch -xw SECRET`."""

CURL_ATTACHED = re.compile(r"-[#0-9afgGiIjJklLMnNOpqRsSvZ]+(?P<flag>[uUbH])(?=.)", re.DOTALL)
"""curl's options that take nothing, and behind them in the same word one with its value: `-sSuUSER:SECRET`."""

SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "su", "runuser", "script", "flock"))
"""Programs whose `-c` is followed by a command line."""

LOGIN_PROGRAMS = frozenset(
    ("docker", "podman", "nerdctl", "buildah", "skopeo", "crane", "helm", "oras", "az", "oc", "cf")
)
"""Programs that have a `login` with `-p`, which means something else in their other commands."""

LOGIN_FLAGS: Mapping[str, Cut] = {"-p": whole}

NPM_SETTING = ":_"
"""In `npm config set //registry.example.org/:_authToken SECRET`."""

VALUE_FOLLOWS = frozenset({"aws_secret_access_key", "aws_session_token", "requirepass", "masterauth", "masterpass"})
"""Bare words of which the next argument is the secret: `aws configure set aws_secret_access_key …`."""
