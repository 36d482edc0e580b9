"""`POST /v1/batches`: a batch is answered with 202 only after it is stored for good, or refused whole.

Decompressing and decoding are done in two threads of their own, so that the loop stays free for everyone else.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import Response

from ingest import body, unpack
from ingest.answers import Refused, answer, retry_later
from ingest.body import Limits
from ingest.identity import binding
from ingest.identity.principal import Principal
from ingest.metrics import Metrics
from ingest.places import Places
from ingest.store.errors import StoreError, StoreTooSmall
from ingest.store.protocol import Store
from ingest.store.rows import Rows, prepare
from sensor.model.errors import MalformedEvent

CONTENT_TYPES = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})

DECODING = 2
"""Threads that decode: Python runs one at a time, the second is there while the first decompresses."""

DECODED = 8
"""Batches that may be decoded and not yet stored: as objects they take some twenty times their bytes, and their texts
up to `Limits.text`."""

BODIES = 8
"""Bodies of the largest size that may be held at once, or many more of ordinary ones; one login may hold one of them
(`places.SHARE`)."""

LATER = 5
"""Seconds to wait, for Retry-After, when the store cannot write."""


class Batches:
    """Takes batches, at most `waiting` at a time; more are told to come back."""

    def __init__(self, store: Store, metrics: Metrics, limits: Limits, waiting: int) -> None:
        self._store = store
        self._metrics = metrics
        self._limits = limits
        self._under_way = Places(waiting, BODIES * limits.sent)
        self._decoding = asyncio.Semaphore(DECODED)
        self._decoders = ThreadPoolExecutor(DECODING, thread_name_prefix="decoder")

    async def post(self, request: Request) -> Response:
        """Handle one request. Raises `Refused`."""
        status = 500
        try:
            response = await self._take(request)
            status = response.status_code
        except Refused as refused:
            status = refused.status
            raise
        finally:
            self._metrics.batches.labels(str(status)).inc()
        return response

    def close(self) -> None:
        """End the decoding threads."""
        self._decoders.shutdown()

    async def _take(self, request: Request) -> Response:
        _check_type(request)
        coding = body.coding_of(request)
        principal = request.state.principal
        with self._under_way.one(principal) as take_place:
            sent = await body.read(request, self._limits.sent, on_large=take_place)
            take_place(len(sent))
            self._metrics.bytes.labels("sent").inc(len(sent))
            async with self._decoding:
                return await self._keep(sent, coding, principal)

    async def _keep(self, sent: bytes, coding: str, principal: Principal | None) -> Response:
        rows = await asyncio.get_running_loop().run_in_executor(self._decoders, self._decode, sent, coding, principal)
        try:
            appended = await self._store.append(rows)
        except StoreTooSmall as error:
            raise Refused(413, f"nothing was stored: {error}") from error
        except StoreError as error:
            raise retry_later(503, f"nothing was stored: {error}", LATER) from error
        self._metrics.stored((row.kind for row in rows.rows), appended.duplicates)
        return answer({"accepted": appended.accepted, "duplicates": appended.duplicates}, 202)

    def _decode(self, sent: bytes, coding: str, principal: Principal | None) -> Rows:
        plain = body.decompressed(sent, coding, self._limits.plain)
        self._metrics.bytes.labels("plain").inc(len(plain))
        try:
            batch = unpack.batch(plain)
            if principal is not None:
                binding.demand(batch.header, principal)
            return prepare(batch, principal.name if principal else None, most_bytes=self._limits.text)
        except MalformedEvent as error:
            raise Refused(400, f"{error}; nothing was stored") from error


def _check_type(request: Request) -> None:
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in CONTENT_TYPES:
        raise Refused(415, f"Content-Type {given!r} is not understood: send application/msgpack")
