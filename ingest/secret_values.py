"""Secrets that are replaced while the ingest runs: one or two lines, the current one first, then the one before it.

Both are good, so that whoever uses the old one has time to learn the new one.
"""

import logging
import os
import re
from pathlib import Path

from ingest.identity.tickets import PREFIX

HOW_TO_MAKE_ONE = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"

log = logging.getLogger("ingest")

MOST = 2
LONGEST_FILE = 4096
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)

FileState = tuple[int, int, int]


def values(text: str, shortest: int) -> tuple[str, ...]:
    """The secrets in a text. Raises `ValueError`, whose text shows none of them."""
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not 1 <= len(lines) <= MOST:
        raise ValueError(f"should be one line, or two while it is replaced, has {len(lines)}")
    if any(len(line) < shortest or not _VISIBLE.fullmatch(line) for line in lines):
        raise ValueError(f"should be {shortest} or more ASCII characters without blanks")
    if any(line.encode().startswith(PREFIX) for line in lines):
        raise ValueError(f"should be one that does not begin with {PREFIX.decode()}, as the tokens of logins do")
    return lines


def not_set(name: str) -> str:
    """What is said of a secret that is needed; `name` as in the settings."""
    return f"not set, and INGEST_{name.upper()}_FILE neither; {HOW_TO_MAKE_ONE}"


def read(path: Path) -> str:
    """The text of a file of secrets. Raises `ValueError` saying why there is none."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_FILE).decode("ascii").strip()
    except OSError as error:
        raise ValueError(error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise ValueError("its content is no token") from None


class Rotating:
    """The secrets of now. With a file, it is read again when it changes; one that cannot be used changes nothing."""

    def __init__(self, text: str, shortest: int, path: Path | None = None) -> None:
        self._values = _encoded(text, shortest)
        self._shortest = shortest
        self._path = path
        self._state: FileState | None = None

    def __call__(self) -> tuple[bytes, ...]:
        """The current one, and the one before it where that is still good."""
        if self._path is not None and (state := _state(self._path)) != self._state:
            self._state = state
            self._reload(self._path)
        return self._values

    def _reload(self, path: Path) -> None:
        before = self._values
        try:
            self._values = _encoded(read(path), self._shortest)
        except ValueError as error:
            log.warning("%s: %s; what was read before stays in use", path, error)
        if self._values != before:
            log.info("%s has changed and was read again", path)


def _encoded(text: str, shortest: int) -> tuple[bytes, ...]:
    return tuple(value.encode() for value in values(text, shortest))


def _state(path: Path) -> FileState | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ctime_ns, found.st_ino, found.st_size  # which a change of its mode moves as well
