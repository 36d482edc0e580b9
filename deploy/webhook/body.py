"""The body of a request, read within bounds."""

import asyncio
import re

from starlette.requests import ClientDisconnect, Request

from deploy.webhook.refused import Refused

LARGEST = 4 * 1024 * 1024
"""Bytes of a review. The API server takes objects of 3 MiB at most (`--max-request-bytes` of etcd is 1.5 MiB)."""
PATIENCE = 8 * LARGEST
"""What is too large is read to here and thrown away: whoever is still writing does not read our answer."""
READ_S = 10.0
"""Longer than any API server waits for a whole answer, which is 30 s at most and 5 in the chart."""


async def read(request: Request, seconds: float = READ_S) -> bytes:
    """The body. Raises `Refused`: 415, 413 over the limit, 408 when it takes too long, 400 when it breaks off."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, f"expected Content-Type application/json, found {ascii(kind)[:80]}")
    declared = request.headers.get("content-length", "")
    if re.fullmatch(r"\d+", declared) and (len(declared) > 18 or int(declared) > PATIENCE):
        raise _too_large()
    try:
        async with asyncio.timeout(seconds):
            return await _bounded(request)
    except TimeoutError as error:
        raise Refused(408, f"the body took longer than {seconds:g} s to arrive") from error
    except ClientDisconnect as error:
        raise Refused(400, "the body broke off") from error


async def _bounded(request: Request) -> bytes:
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LARGEST:
            body += chunk
        else:
            body.clear()
        if size > PATIENCE:
            break
    if size > LARGEST:
        raise _too_large()
    return bytes(body)


def _too_large() -> Refused:
    return Refused(413, f"a review has {LARGEST} bytes at most")
