"""From the first stage to the second: a sealed memfd, so that no secret stands in an environment or on a disk.

The content is one JSON object: the fields of `Handover`, with the settings as an object of their own. The
descriptor is close-on-exec until just before the exec, and sealed (memfd_create(2), fcntl(2) F_ADD_SEALS), so
that what was validated is what is read.
"""

import json
import os
from dataclasses import asdict
from enum import StrEnum
from fcntl import F_ADD_SEALS, F_GET_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, fcntl
from hashlib import blake2b
from typing import Any, NamedTuple

from sensor.config.settings import SECRETS, Settings
from sensor.model.errors import WrongConfiguration

SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL


class View(StrEnum):
    """Who reads standard output in `watch`: nobody, a program, or a person."""

    NONE = "none"
    JSON = "json"
    PERSON = "person"
    PERSON_ALL = "person_all"


class Handover(NamedTuple):
    """All that the second stage is told. `parked` lists why nothing is to be collected, empty when all is well;
    `settings` then holds what was valid by itself. `run_for` is in seconds, `None` until told to stop."""

    settings: Settings
    parked: tuple[str, ...] = ()
    view: View = View.NONE
    run_for: float | None = None


def seal(handover: Handover) -> int:
    """A sealed, close-on-exec descriptor that `take` reads after an exec."""
    body = json.dumps(handover._asdict() | {"settings": asdict(handover.settings)}).encode()
    descriptor = os.memfd_create("sensor-handover", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        _write_all(descriptor, body)
        fcntl(descriptor, F_ADD_SEALS, SEALS)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def take(descriptor: int) -> Handover:
    """Read what `seal` wrote and close the descriptor. Raises `WrongConfiguration` when it is no handover."""
    try:
        try:
            body = _read_sealed(descriptor)
        finally:
            os.close(descriptor)
        return _handover(json.loads(body))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WrongConfiguration([f"--handover {descriptor}: no handover of the first stage ({error})"]) from error


def digest(settings: Settings) -> str:
    """16 hex digits that change with the settings, secrets left out: a token may rotate."""
    public = {name: value for name, value in asdict(settings).items() if name not in SECRETS}
    return blake2b(json.dumps(public, sort_keys=True).encode(), digest_size=8).hexdigest()


def _handover(plain: Any) -> Handover:
    values = {name: _frozen(value) for name, value in plain["settings"].items()}
    return Handover(Settings(**values), tuple(plain["parked"]), View(plain["view"]), plain["run_for"])


def _frozen(value: Any) -> Any:
    """With tuples where JSON has lists, as settings do."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _write_all(descriptor: int, body: bytes) -> None:
    while body:
        body = body[os.write(descriptor, body) :]


def _read_sealed(descriptor: int) -> bytes:
    if fcntl(descriptor, F_GET_SEALS) & SEALS != SEALS:
        raise ValueError("it is not sealed")
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0)
