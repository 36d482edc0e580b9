"""A token in a file that others renew: it is read each time that it is needed."""

import errno
import os
import stat

from sensor.model.errors import RetryableError

MOST_BYTES = 64 * 1024


def read(path: str) -> str:
    """The token. Raises `RetryableError`, since the file may be there, and whole, a moment later."""
    try:
        token = start_of(path, MOST_BYTES).decode("ascii").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds more than ASCII"
        raise RetryableError(f"the token file {path!a} cannot be read: {reason}") from None
    if not token or not token.isprintable():
        raise RetryableError(f"the token file {path!a} holds no token")
    return token


def start_of(path: str, most: int) -> bytes:
    """The first bytes of a plain file. Raises OSError.

    Whoever can write to its volume can put a FIFO in its place, which would hold up the loop and all that it looks at.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return file.read(most)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
