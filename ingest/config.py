"""The settings of the central endpoint, from `INGEST_*` variables: all that is wrong is told at once, key by key."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, SecretStr, ValidationError

from ingest import identity_rules, secret_values
from ingest.secret_values import HOW_TO_MAKE_ONE, not_set
from sensor.model.errors import WrongConfiguration

PREFIX = "INGEST_"
MIB = 1024 * 1024
SHORTEST_TOKEN = 8
SHORTEST_KEY = 32

_SERVICE_LINK = re.compile(
    r"INGEST(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes adds to every container for a service named `ingest` or `ingest-…`; nobody set it on purpose."""


class Address(NamedTuple):
    """Where to listen; port 0 lets the kernel choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\[\]:\s]+)):(\d{1,5})", value)
    if found is None or int(found[3]) > 65535:
        raise ValueError("should be HOST:PORT, such as 127.0.0.1:8080, or [::]:8080 for all addresses")
    return Address(found[1] or found[2], int(found[3]))


def _secret(shortest: int) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str):
            try:
                secret_values.values(value, shortest)
            except ValueError as error:
                raise ValueError(f"{error}; {HOW_TO_MAKE_ONE}") from None
        return value

    return BeforeValidator(check)


def _own_machine(value: object) -> object:
    """Whoever could be named here would decide who is who, so it is nobody far away."""
    if isinstance(value, str) and not re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]):\d{1,5}", value):
        raise ValueError("is for tests only: should be http://127.0.0.1:PORT")
    return value


def _list(looks: str, what: str) -> BeforeValidator:
    """Of items separated by commas, each of a certain look."""

    def check(value: object) -> object:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            return value
        items = tuple(item.strip() for item in items if item.strip())
        if not items:
            raise ValueError(f"should be {what}, separated by commas, has none")
        if wrong := [item for item in items if not re.fullmatch(looks, item, re.ASCII)]:
            raise ValueError(f"should be {what}, separated by commas, got {wrong[0][:100]!a}")
        return items

    return BeforeValidator(check)


Token = Annotated[SecretStr, _secret(SHORTEST_TOKEN)]
Names = tuple[str, ...]


class Settings(BaseModel):
    """What users set; each field is `INGEST_<NAME>` in the environment.

    Sizes are bytes and understand `512MiB` and the like. `max_body_bytes` is a request as sent, `max_batch_bytes` the
    same when decompressed. `max_waiting` batches may be under way at once, and `max_streams` live streams; a live
    stream that falls `stream_lag` events behind skips them and says so.

    The tokens and `login_key` have one line, or two while they are replaced; where they come from a file, that is read
    again when it changes. `hosts` to `max_logins`, a second, are about logins (docs/identity.md); `aws_sts_for_tests`
    stands in for STS, and can only be on this machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    write_token: Token | None = None
    write_token_file: Path | None = None
    read_token: Token
    read_token_file: Path | None = None
    hosts: Annotated[Names, _list(r"[a-z0-9:]([a-z0-9.:-]{0,251}[a-z0-9])?", "host names in lower case")] = ()
    aws_accounts: Annotated[Names, _list(r"\d{12}", "accounts of 12 digits")] = ()
    aws_roles: Annotated[Names, _list(r"[\w+=.@*?\[\]!-]{1,128}", "names or globs, without paths")] = ("*",)
    aws_sts_for_tests: Annotated[str, BeforeValidator(_own_machine)] | None = None
    kubernetes_issuers: Annotated[Names, _list(r"https://[\w.~:/-]{1,512}", "addresses that begin with https://")] = ()
    kubernetes_keys_file: Path | None = None
    kubernetes_service_accounts: Annotated[
        Names, _list(r"[a-z0-9.*?\[\]!-]{1,253}/[a-z0-9.*?\[\]!-]{1,253}", "namespace/name, or globs of that form")
    ] = ("*/*",)
    login_key: Annotated[SecretStr, _secret(SHORTEST_KEY)] | None = None
    login_key_file: Path | None = None
    max_logins: float = Field(20, ge=0.1, le=10_000)
    data_dir: Path = Path("fargate-sensor-data")
    listen: Annotated[Address, BeforeValidator(_address)] = Address("127.0.0.1", 8080)
    retention_days: float = Field(30, gt=0, le=36_500)
    retention_bytes: ByteSize = Field(ByteSize(5 * 1024 * MIB), ge=32 * MIB)
    max_body_bytes: ByteSize = Field(ByteSize(8 * MIB), ge=64 * 1024, le=256 * MIB)
    max_batch_bytes: ByteSize = Field(ByteSize(8 * MIB), ge=64 * 1024, le=256 * MIB)
    max_waiting: int = Field(64, ge=1, le=10_000)
    max_streams: int = Field(64, ge=1, le=10_000)
    stream_lag: int = Field(10_000, ge=100)


SECRETS = ("write_token", "read_token", "login_key")
_FIELDS = {PREFIX + name.upper(): name for name in Settings.model_fields}
_FILES = {f"{PREFIX}{name.upper()}_FILE": name for name in SECRETS}


def from_environment(environ: Mapping[str, str]) -> Settings:
    """The settings, checked. Raises `WrongConfiguration` with one line for each wrong key; no line shows a token.

    An empty variable counts as not set, as compose files leave it that way.
    """
    given = {key: text.strip() for key, text in environ.items() if key.startswith(PREFIX) and text.strip()}
    values = {_FIELDS[key]: text for key, text in given.items() if key in _FIELDS}
    problems = {key: _unknown(key) for key in given if not _known(key)}
    problems |= _add_token_files(values, given)
    from_files = {name: key for key, name in _FILES.items() if key in given and key not in problems}
    settings = _checked(values, problems, from_files)
    if problems or settings is None:
        raise WrongConfiguration([f"{key}: {problems[key]}" for key in sorted(problems)])
    return settings


def _known(key: str) -> bool:
    return key in _FIELDS or key in _FILES or _SERVICE_LINK.fullmatch(key) is not None


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, [*_FIELDS, *_FILES], n=1, cutoff=0.0)
    return f"no such setting; did you mean {near[0]}?"


def _add_token_files(values: dict[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Read the files that are named instead of a token; what is wrong with them, by key."""
    problems = {}
    for key, name in _FILES.items():
        if key not in given:
            continue
        if name in values:
            problems[key] = f"should not be set together with {key.removesuffix('_FILE')}"
            continue
        try:
            values[name] = secret_values.read(Path(given[key]))
        except ValueError as error:
            problems[key] = f"{given[key]!r} cannot be read ({error})"
            values[name] = "unreadable-so-checked-no-further-" + name  # one line for one mistake
    return problems


def _checked(values: Mapping[str, str], problems: dict[str, str], from_files: Mapping[str, str]) -> Settings | None:
    """The settings, or None; adds what is wrong to the problems, under the name that the user wrote."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            name = str(detail["loc"][0])
            key = from_files.get(name, PREFIX + name.upper())
            problems[key] = _told(name, detail["type"], detail["msg"])
        settings = None
    for name, problem in identity_rules.problems(values, settings):
        problems.setdefault(from_files.get(name, PREFIX + name.upper()), problem)
    return settings


def _told(name: str, kind: str, message: str) -> str:
    if kind == "missing":
        return not_set(name)
    return message.removeprefix("Value error, ").replace("Input should", "should")
