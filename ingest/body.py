"""A request's body, read and decompressed within bounds: what is too large is refused before it is held."""

import asyncio
import re
import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from starlette.requests import ClientDisconnect, Request

from ingest.answers import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READ_SECONDS = 30.0
"""How long a client may take to send a body: a slow one holds a place that others wait for."""

LARGE = 64 * 1024
"""Bytes that any connection may have in memory; uvicorn reads as many ahead."""

WINDOW_LOG = 23
"""The largest zstd window understood, as a power of two (8 MiB): a frame may ask for gigabytes of memory."""


class Limits(NamedTuple):
    """Bytes as sent, and bytes when decompressed."""

    sent: int
    plain: int

    @property
    def text(self) -> int:
        """Bytes of the JSON of all events together, which is what is stored and held until then."""
        return 4 * self.plain


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


def _zstd() -> _Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})


def _gzip() -> _Decompressor:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {"zstd": _zstd, "gzip": _gzip}


def coding_of(request: Request) -> str:
    """`zstd`, `gzip` or `identity`. Raises `Refused` (415) for any other Content-Encoding."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity" and coding not in DECOMPRESSORS:
        raise Refused(415, f"Content-Encoding {coding!r} is not understood: use zstd, gzip or identity")
    return coding


async def read(
    request: Request, limit: int, seconds: float = READ_SECONDS, on_large: Callable[[int], None] = lambda _: None
) -> bytes:
    """The body as sent. Raises `Refused`: 413 over the limit, 408 when it takes too long, 400 when it breaks off.

    `on_large` is called for each piece beyond the first `LARGE` bytes, with how many there are by then.
    """
    declared = request.headers.get("content-length", "")
    if re.fullmatch(r"\d+", declared) and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit, "as sent")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit, "as sent")
                if len(body) > LARGE:
                    on_large(len(body))
    except TimeoutError as error:
        raise Refused(408, f"the body took longer than {seconds:g} s to arrive") from error
    except ClientDisconnect as error:
        raise Refused(400, "the body broke off") from error
    return bytes(body)


def decompressed(body: bytes, coding: str, limit: int) -> bytes:
    """The body as meant. Raises `Refused`: 413 over the limit, 400 for what is not exactly one whole frame."""
    if coding == "identity":
        if len(body) > limit:
            raise _too_large(limit, "decompressed")
        return body
    decompressor = DECOMPRESSORS[coding]()
    try:
        plain = decompressor.decompress(body, limit + 1)
    except (zstd.ZstdError, zlib.error) as error:
        raise Refused(400, f"the body is no {coding}: {error}") from error
    if len(plain) > limit:
        raise _too_large(limit, "decompressed")
    if not decompressor.eof:
        raise Refused(400, f"the {coding} body is cut short")
    if decompressor.unused_data:
        raise Refused(400, f"{len(decompressor.unused_data)} bytes follow the end of the {coding} body")
    return plain


def _too_large(limit: int, form: str) -> Refused:
    return Refused(413, f"the batch has more than {limit} bytes {form}: send smaller ones")
