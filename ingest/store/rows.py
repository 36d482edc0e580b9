"""A received batch made ready to be kept: each event as its public JSON text, with the few columns to search by.

This costs more processor time than storing does, so it is done beside the writer, not by it.
"""

import json
from typing import NamedTuple

from sensor.model import codec
from sensor.model.codec import event_to_json, part_to_json
from sensor.model.errors import MalformedEvent
from sensor.model.events import Batch, Container, Event, Header
from sensor.model.identity import task_key

LARGEST = 2**63 - 1
"""The largest integer that stores can hold in a column."""

LARGEST_COUNT = 2**32
"""Counts that sensors report are cut here, so that sums over millions of them stay within `LARGEST`."""

LONGEST_NAME = 512
"""Characters that a task's name, a container's id and each text of a sensor may have: these are listed."""

LARGEST_HEADER = 16 * 1024
"""Bytes of a header's JSON, which each event of its batch repeats; a pod's labels are 4 KiB of it at most."""

LARGEST_TEXT = 2 * 1024 * 1024
"""Characters of one event's JSON: whoever follows the stream must be able to take it in one piece."""


class Row(NamedTuple):
    """One event. `time` in ns is cut at `LARGEST`, name and images of the container at `LONGEST_NAME`; `text` has the
    exact ones, in UTF-8: one character that is rare would make a text four times as large in memory, and sensors say
    which characters there are.

    The last four come from reports about the sensor itself: `seen`, `unexplained` and `losses_told` in this event
    alone, `losses_running` since the start of the sensor.
    """

    lane: str
    seq: int
    time: int
    kind: str
    container: Container | None
    entity: str | None
    pid: int | None
    text: bytes
    seen: int = 0
    unexplained: int = 0
    losses_told: int = 0
    losses_running: int = 0


class Rows(NamedTuple):
    """A whole batch. `task` is the name under which the task is listed.

    `principal` is who has proven to be the task or pod of the header; None where that is only claimed. `size` is how
    many bytes the texts have together.
    """

    header: Header
    task: str
    rows: tuple[Row, ...]
    principal: str | None
    size: int


def prepare(batch: Batch, principal: str | None, *, most_bytes: int) -> Rows:
    """The batch as rows.

    Raises `MalformedEvent` where an identity is unusable, the header or an event is too large, or all texts together
    have more than `most_bytes`: each of them repeats the header, so they can have far more than the batch.
    """
    header = batch.header
    task = task_key(header)
    _check_name("batch.sensor.id", header.sensor.id)
    _check_name("batch.sensor.epoch", header.sensor.epoch)
    _check_name("batch: the name of the task", task)
    _check_length("batch.sensor.version", header.sensor.version)
    _check_length("batch.sensor.config", header.sensor.config or "")
    _check_header(header)
    try:
        rows, size = _rows(batch, principal, most_bytes)
    finally:
        codec.forget()
    return Rows(header, task, rows, principal, size)


def _rows(batch: Batch, principal: str | None, most_bytes: int) -> tuple[tuple[Row, ...], int]:
    """The rows, and how many bytes their texts have."""
    rows: list[Row] = []
    size = 0
    for index, event in enumerate(batch.events):
        rows.append(_row(batch.header, event, index, principal))
        size += len(rows[-1].text)
        if size > most_bytes:
            raise MalformedEvent(
                f"batch: its first {index + 1} events have {size} bytes of JSON, all may have {most_bytes}: "
                "send fewer at once (SENSOR_BATCH_EVENTS)"
            )
    return tuple(rows), size


def _check_name(where: str, name: str) -> None:
    if not 0 < len(name) <= LONGEST_NAME:
        raise MalformedEvent(f"{where}: must have 1 to {LONGEST_NAME} characters, has {len(name)}")
    if not name.isprintable():
        raise MalformedEvent(f"{where}: {name[:40]!r} has characters that are not printable")


def _check_length(where: str, text: str) -> None:
    if len(text) > LONGEST_NAME:
        raise MalformedEvent(f"{where}: may have {LONGEST_NAME} characters, has {len(text)}")


def _check_header(header: Header) -> None:
    size = len(json.dumps(part_to_json(header), ensure_ascii=False).encode())
    if size > LARGEST_HEADER:
        raise MalformedEvent(f"batch: the header has {size} bytes of JSON, may have {LARGEST_HEADER}")


def identity(principal: str | None) -> dict[str, str]:
    """What is added to the sensor in each event: whether who it says it is was proven, and by whom."""
    return {"identity": "claimed"} if principal is None else {"identity": "verified", "principal": principal}


def _row(header: Header, event: Event, index: int, principal: str | None) -> Row:
    if not 1 <= event.seq <= LARGEST:
        raise MalformedEvent(f"batch.events[{index}].seq: must be 1 to 2**63-1, is {event.seq}")
    plain = event_to_json(event, header)
    plain["sensor"] |= identity(principal)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LARGEST_TEXT:
        raise MalformedEvent(f"batch.events[{index}]: has {len(text)} characters of JSON, may have {LARGEST_TEXT}")
    process, health, loss = event.process, event.health, event.loss
    return Row(
        lane=str(event.lane),
        seq=event.seq,
        time=min(event.time, LARGEST),
        kind=str(event.kind),
        container=_listed(event.container, index) if event.container else None,
        entity=process.entity if process else None,
        pid=process.pid if process and 0 <= process.pid <= LARGEST else None,
        text=text.encode(),
        seen=_count(health.seen or 0) if health else 0,
        unexplained=_count(health.unexplained or 0) if health else 0,
        losses_told=_count(1 if loss.count is None else loss.count) if loss else 0,
        losses_running=_count(sum(health.losses.values())) if health else 0,
    )


def _listed(container: Container, index: int) -> Container:
    """A container as the store lists it: a long name is cut and costs no event, for images may have long ones."""
    _check_length(f"batch.events[{index}].container.id", container.id)
    return Container(container.id, *(text and text[:LONGEST_NAME] for text in container[1:]))


def _count(reported: int) -> int:
    return max(0, min(reported, LARGEST_COUNT))
