"""One small HTTP GET to the task metadata endpoint: never through a proxy, never blocking the loop, always bounded.

HTTP/1.0 is spoken on purpose: a server may not answer it in chunks and closes the connection when it is done.
"""

import asyncio
import contextlib
from urllib.parse import urlsplit

from sensor.model.errors import SensorError

TIMEOUT_S = 5.0
HEAD_LIMIT = 16_384
BODY_LIMIT = 1 << 20


class MetadataUnreachable(SensorError):
    """The endpoint gave no answer, or none that is whole and small enough. The text says why."""


async def get(url: str) -> bytes:
    """The body of a 200 answer. Raises `MetadataUnreachable`."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _exchange(url)
    except TimeoutError:
        raise MetadataUnreachable(f"no whole answer within {TIMEOUT_S:g} s") from None
    except asyncio.IncompleteReadError:
        raise MetadataUnreachable("the connection ended within the answer") from None
    except asyncio.LimitOverrunError:
        raise MetadataUnreachable(f"the answer's head is larger than {HEAD_LIMIT} bytes") from None
    except (OSError, ValueError) as error:
        raise MetadataUnreachable(str(error) or type(error).__name__) from error


async def _exchange(url: str) -> bytes:
    """Raises what sockets and streams raise, and ValueError for an address or a head that is none."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url!r} is no http:// address")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{url!r} cannot stand in a request")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=HEAD_LIMIT)
    try:
        writer.write(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode())
        length = _length(await reader.readuntil(b"\r\n\r\n"))
        return await _body(reader, length)
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # the answer is here, or the reason why not is on its way
            await writer.wait_closed()


def _length(head: bytes) -> int | None:
    """The announced length of the body, None where it ends with the connection."""
    status, *lines = head.decode("latin-1").split("\r\n")
    words = status.split(" ")
    if not words[0].startswith("HTTP/1.") or len(words) < 2:
        raise ValueError(f"no HTTP: {status[:80]!r}")
    if words[1] != "200":
        raise ValueError(f"status {' '.join(words[1:])[:80]!r}")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "transfer-encoding" in headers:
        raise ValueError("chunks in an answer to HTTP/1.0")
    announced = headers.get("content-length")
    if announced is None:
        return None
    if not (announced.isascii() and announced.isdecimal() and len(announced) < 20):
        raise ValueError(f"content-length {announced[:40]!r}")
    return int(announced)


async def _body(reader: asyncio.StreamReader, length: int | None) -> bytes:
    if length is not None and length > BODY_LIMIT:
        raise ValueError(f"the answer is larger than {BODY_LIMIT} bytes")
    if length is not None:
        return await reader.readexactly(length)
    body = bytearray()
    while data := await reader.read(65_536):
        body += data
        if len(body) > BODY_LIMIT:
            raise ValueError(f"the answer is larger than {BODY_LIMIT} bytes")
    return bytes(body)
