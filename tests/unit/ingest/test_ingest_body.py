import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from ingest import body
from ingest.answers import Refused

Message = dict[str, Any]


def request(receive: Callable[[], Awaitable[Message]], **headers: str) -> Request:
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": encoded}, receive)


def parts(*chunks: bytes) -> Callable[[], Awaitable[Message]]:
    """What a server hands on: each chunk, the last one marked as such."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    return receive


async def never() -> Message:
    return await asyncio.get_running_loop().create_future()


async def test_the_parts_are_joined() -> None:
    assert await body.read(request(parts(b"ab", b"", b"c")), 3) == b"abc"


async def test_one_byte_too_many_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        await body.read(request(parts(b"ab", b"cd")), 3)
    assert caught.value.status == 413


@pytest.mark.parametrize("declared", ["4", "9" * 50])
async def test_a_length_that_is_declared_too_long_is_not_waited_for(declared: str) -> None:
    with pytest.raises(Refused) as caught:
        await body.read(request(never, content_length=declared), 3)
    assert caught.value.status == 413


async def test_a_body_that_does_not_come_is_given_up() -> None:
    with pytest.raises(Refused) as caught:
        await body.read(request(never), 3, seconds=0.01)
    assert caught.value.status == 408


@pytest.mark.parametrize("coding", body.DECOMPRESSORS)
@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_what_fits_is_given_whole(coding: str, size: int) -> None:
    assert body.decompressed(compressed(coding, bytes(size)), coding, 1000) == bytes(size)


@pytest.mark.parametrize("coding", body.DECOMPRESSORS)
def test_what_is_one_byte_too_long_is_refused(coding: str) -> None:
    with pytest.raises(Refused) as caught:
        body.decompressed(compressed(coding, bytes(1001)), coding, 1000)
    assert caught.value.status == 413


def compressed(coding: str, plain: bytes) -> bytes:
    if coding == "zstd":
        return bytes(body.zstd.compress(plain))
    compressor = body.zlib.compressobj(wbits=16 + body.zlib.MAX_WBITS)
    return compressor.compress(plain) + compressor.flush()
