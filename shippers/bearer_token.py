"""The token that a destination asks for: given as it is, or read from a file that may change."""

import os
import re

from sensor.model.errors import RetryableError
from shippers import token_file
from shippers.sent_secrets import SentSecrets

MAX_BYTES = 16 * 1024

_TOKEN = re.compile(r"[!-~]+", re.ASCII)
"""What a header can carry and what no terminal interprets: visible ASCII, no blanks."""

FileState = tuple[int, int, int]


class BearerToken:
    """The current token. No error, log line or repr of this class contains it."""

    def __init__(self, *, value: str | None, path: str | None) -> None:
        self._value = value
        self._path = path
        self._state: FileState | None = None
        self._token: str | None = None
        self._sent = SentSecrets("<token>")

    def headers(self) -> dict[str, str]:
        """The Authorization header; none without a token. The file goes before the value.

        Raises `RetryableError` if the file cannot be read, or what is there can be no token.
        """
        if self._path is not None:
            self._reload(self._path)
        elif self._value is not None and self._token is None:
            self._take(self._value, "the token")
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}

    def refused(self) -> None:
        """Read the file again next time, even if its times have not changed."""
        self._state = None

    def hide(self, text: str) -> str:
        """The text without the token, replaced or not, should someone have sent it back."""
        return self._sent.hide(text)

    def _reload(self, path: str) -> None:
        try:
            found = os.stat(path)
            state = (found.st_mtime_ns, found.st_ino, found.st_size)
            if state == self._state:
                return
            raw = token_file.start_of(path, MAX_BYTES)
        except OSError as error:
            raise RetryableError(f"the token file {path} cannot be read: {error.strerror}") from error
        self._take(raw.decode("ascii", "replace"), f"the token file {path}")
        self._state = state

    def _take(self, text: str, where: str) -> None:
        token = _checked(text, where)
        if token != self._token:
            self._sent.remember(token)
        self._token = token


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        what = "holds characters that no HTTP header carries" if token else "is empty"
        raise RetryableError(f"{where} {what}")
    return token
