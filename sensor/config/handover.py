"""From the first stage to the second: a sealed memfd, so that no secret stands in an environment or on a disk.

The content is one JSON object: the fields of `Handover`, with the settings as an object of their own. The first stage,
a child of the second, seals it and ends (memfd_create(2), fcntl(2) F_ADD_SEALS), so that what was validated is what is
read.
"""

import json
import os
import sys
from enum import StrEnum
from fcntl import F_GET_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, fcntl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from sensor.model.errors import WrongConfiguration

if TYPE_CHECKING:
    from sensor.config.settings import Settings

SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL


class View(StrEnum):
    """Who reads standard output in `watch`: nobody, a program, or a person."""

    NONE = "none"
    JSON = "json"
    PERSON = "person"
    PERSON_ALL = "person_all"


class Handover(NamedTuple):
    """All that the second stage is told. `parked` lists why nothing is to be collected, empty when all is well;
    `settings` then holds what was valid by itself. `run_for` is in seconds, `None` until told to stop. `digest`, 16
    hexadecimal digits, changes with the settings, secrets left out: a token may rotate."""

    settings: "Settings"
    parked: tuple[str, ...] = ()
    view: View = View.NONE
    run_for: float | None = None
    digest: str = ""


class Validated(SimpleNamespace):
    """Settings in the second stage: the values, which do not change, without their definition.

    That takes 2 MB and is for validation and documents (docs/adr/0097-the-second-stage-has-values-only.md).
    """

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"{name}: settings do not change")

    def __repr__(self) -> str:
        """Without the values: there are secrets among them."""
        return f"{type(self).__name__}()"


def ended(first_stage: int) -> int:
    """Wait until this process has ended; the exit code that it asks for, 0 when there is a handover to take."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(first_stage, 0)[1])
    except ChildProcessError:  # SIGCHLD was ignored when we were started; the seals say whether all went well
        return 0
    if code < 0:
        sys.stderr.write(f"fargate-sensor: the check of the configuration was ended by signal {-code}\n")
        return 1
    return code


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


def _handover(plain: Any) -> Handover:
    values = {name: _frozen(value) for name, value in plain["settings"].items()}
    settings = cast("Settings", Validated(**values))
    return Handover(settings, tuple(plain["parked"]), View(plain["view"]), plain["run_for"], plain["digest"])


def _frozen(value: Any) -> Any:
    """With tuples where JSON has lists, as settings do."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _read_sealed(descriptor: int) -> bytes:
    if fcntl(descriptor, F_GET_SEALS) & SEALS != SEALS:
        raise ValueError("it is not sealed")
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0)
