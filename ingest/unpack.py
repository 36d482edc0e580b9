"""Bytes from the network to a batch: strict msgpack first, then the model's own checks.

A few bytes can claim millions of empty maps, each costing 64 bytes and more here, so maps and lists are counted.
"""

from typing import Any

import msgpack

from sensor.model.codec import batch_from_wire
from sensor.model.errors import MalformedEvent
from sensor.model.events import Batch

MOST_ITEMS = 20_000
"""Entries in one list or map; the events of a batch are the longest list."""

MOST_CONTAINERS = 500_000
"""Maps and lists in one batch; an event has about ten."""


def batch(body: bytes) -> Batch:
    """The batch. Raises `MalformedEvent` (or `UnknownSchema`) saying what is wrong and where."""
    return batch_from_wire(_plain(body))


def _plain(body: bytes) -> object:
    count = _Count()
    try:
        return msgpack.unpackb(
            body,
            raw=False,
            strict_map_key=True,
            use_list=True,
            object_hook=count,
            list_hook=count,
            ext_hook=_no_extension,
            max_array_len=MOST_ITEMS,
            max_map_len=MOST_ITEMS,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise MalformedEvent(f"the body is no msgpack of ours: {error or type(error).__name__}") from error


class _Count:
    """Called with every map and list once it is complete."""

    def __init__(self) -> None:
        self._left = MOST_CONTAINERS

    def __call__(self, container: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise MalformedEvent(f"batch: more than {MOST_CONTAINERS} maps and lists")
        return container


def _no_extension(code: int, data: bytes) -> object:
    raise MalformedEvent(f"the body is no msgpack of ours: extension type {code} with {len(data)} bytes")
