"""The options by which known programs take a secret and whose names do not say so, such as `-p`."""

import re
from collections.abc import Callable, Mapping

from sensor.enrich.secret_shapes import MASK
from sensor.model.secret_names import HEADERS, is_secret_name, is_secret_value

Cut = Callable[[str], str]
"""An option's value with the secret in it masked."""


def kept(value: str) -> str:
    """The value is none; what takes it as an option is not counted among the operands."""
    return value


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


def mac_option(value: str) -> str:
    """openssl's `-macopt`: `key:SECRET`, `hexkey:SECRET`, and what is none."""
    name, found, secret = value.partition(":")
    return f"{name}:{MASK}" if found and secret and name.endswith("key") else value


def certificate(value: str) -> str:
    """curl's `-E`: a file with its password, or the URI of a token (RFC 7512)."""
    return value if value.startswith("pkcs11:") else after(":")(value)


def logon(value: str) -> str:
    """`user:password@host`, without a scheme before it."""
    return LOGON_AT.sub(rf"\g<start>{MASK}", value, count=1)


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


LOGON_AT = re.compile(r"\A(?P<start>[^:/@\s]{1,128}:)(?P<secret>[^/\s][^@\s]*)(?=@)")
"""The user and password of what is no URL, for all that it looks like one."""

_COLON, _PERCENT, _COMMA = after(":"), after("%"), after(",")

_OPENSSL = {
    **dict.fromkeys(("-pass", "-passin", "-passout"), password_source),
    **dict.fromkeys(("-salt", "-in"), kept),
}
_HEADERS_TOLD = {"-H": header, "--header": header, "--proxy-header": header}
_CURL = {"-u": _COLON, "--user": _COLON, "-U": _COLON, "--proxy-user": _COLON, "-b": cookies, "--cookie": cookies}
_CURL_ENDS = {"-x": logon, "--proxy": logon, "-E": certificate, "--cert": certificate, "--proxy-cert": certificate}
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
    ("sqlcmd bcp osql tsql freebcp zip unzip ipmitool mosquitto_pub mosquitto_sub", {"-P": whole}),
    ("7z 7za 7zr 7zz rar unrar", {"-p": attached, "-hp": attached}),
    ("plink pscp psftp", {"-pw": whole}),
    ("snmpwalk snmpget snmpset snmpbulkwalk snmpgetnext snmptrap", {"-A": whole, "-X": whole, "-c": whole}),
    ("smbclient smbget rpcclient", {"-U": _PERCENT, "--user": _PERCENT}),
    ("lftp", {"-u": _COMMA}),
    ("etcdctl", {"--user": _COLON}),
    ("http https xh", {"-a": _COLON, "--auth": _COLON}),
    ("wget wrk grpcurl websocat", _HEADERS_TOLD),
    ("ab", _HEADERS_TOLD | {"-A": _COLON, "-P": _COLON}),
    ("hey", _HEADERS_TOLD | {"-a": _COLON}),
    ("curl", _CURL | _CURL_ENDS | _HEADERS_TOLD),
    ("openssl", _OPENSSL | {"-k": whole, "-K": whole, "-hmac": whole, "-psk": whole, "-macopt": mac_option}),
    ("htpasswd", {"-C": kept, "-r": kept}),
    ("ssh-keygen", {"-N": whole, "-P": whole}),
    ("twine beeline mycli ncftpput ncftpget", {"-p": whole}),
    ("swaks", {"-ap": whole}),
    ("sendemail sendEmail", {"-xp": whole}),
)
"""Programs that take secrets alike, and by which options."""

PROGRAMS: Mapping[str, Mapping[str, Cut]] = {
    program: flags for programs, flags in FAMILIES for program in programs.split()
}
"""By the program's name its options and what to mask in the value of each."""

CLUSTERING = frozenset(("curl", "htpasswd", "ldappasswd", "zip", "unzip", "useradd", "usermod", *_LDAP.split()))
"""Of them those whose short options stand together in one word, the last with what follows: `ldapsearch -xw SECRET`."""

CURL_ATTACHED = re.compile(r"-[#0-9afgGiIjJklLMnNOpqRsSvZ]+(?P<flag>[uUbH])(?=.)", re.DOTALL)
"""curl's options that take nothing, and behind them in the same word one with its value: `-sSuUSER:SECRET`."""

SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "su", "runuser", "script", "flock"))
"""Programs whose `-c` is followed by a command line."""

NPM_SETTING = ":_"
"""In `npm config set //registry.example.org/:_authToken SECRET`."""
