"""A token in a file that others renew: it is read each time that it is needed."""

from sensor.model.errors import RetryableError

MOST_BYTES = 64 * 1024


def read(path: str) -> str:
    """The token. Raises `RetryableError`, since the file may be there, and whole, a moment later."""
    try:
        with open(path, "rb") as file:
            token = file.read(MOST_BYTES).decode("ascii").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds more than ASCII"
        raise RetryableError(f"the token file {path!a} cannot be read: {reason}") from None
    if not token or not token.isprintable():
        raise RetryableError(f"the token file {path!a} holds no token")
    return token
