"""The text in some bytes."""

from deploy.documents.errors import MalformedDocument


def decoded(content: bytes) -> str:
    """UTF-8 with or without a byte order mark, without it. Raises `MalformedDocument`."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MalformedDocument(f"no UTF-8: byte {content[error.start]:#04x}", line) from error
