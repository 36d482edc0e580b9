"""Events and headers to and from plain dicts, for msgpack (integers of ns) and JSON (RFC 3339).

One rule serves all types: a field that is `None` or at its default is left out and comes back as the default; only
those in `ALWAYS` are written in any case.
The converters are made once from the annotations of `events`, so that a new field needs no second place.

Compatibility: within a schema number fields are only added, and readers pass over the ones they do not know. The
number grows when a meaning changes; this version reads its own schema and the two before it, each through its
entry in `UPGRADES`, and refuses any other with `UnknownSchema`.
"""

import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, TypeVar, Union, cast

from sensor.model.errors import MalformedEvent, UnknownSchema
from sensor.model.events import SCHEMA, Ancestor, Batch, Container, Event, Evidence, Header, Timestamp
from sensor.model.identity import event_id, task_key
from sensor.model.times import from_rfc3339, in_range, to_rfc3339

Encode = Callable[[Any], Any]
Decode = Callable[[Any, str], Any]
T = TypeVar("T")

UNDERSTOOD = tuple(n for n in (SCHEMA, SCHEMA - 1, SCHEMA - 2) if n > 0)
"""The schema numbers that this version reads."""

UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""For each older schema in UNDERSTOOD: its batch as a plain dict → the same in the schema after it."""

ALWAYS = frozenset({"schema", "lane", "seq", "count"})
"""Fields that readers may count on, whatever their value."""

REPEATED = frozenset({Ancestor, Container, Evidence})
"""Small parts that come again and again; what they become is remembered and shared, and must not be changed."""

REMEMBERED = 1024

_FORGETTING: list[Callable[[], None]] = []
"""What empties each of the memories, in whichever annotation the part stands."""

INT_MIN, INT_MAX = -(2**63), 2**64 - 1
"""What msgpack can carry; larger integers are refused."""


def to_wire(value: tuple[Any, ...]) -> dict[str, Any]:
    """The msgpack form of an event, a header or a part of one, as a plain dict.

    Raises `MalformedEvent` for a time or a number that no reader would take.
    """
    return wire_encoder(type(value))(value)


def wire_encoder(kind: type[tuple[Any, ...]]) -> Callable[[Any], dict[str, Any]]:
    """`to_wire` for one type, for whoever calls it again and again."""
    return cast(Callable[[Any], dict[str, Any]], _encoder(kind, False))


def event_to_json(event: Event, header: Header) -> dict[str, Any]:
    """The JSON form of one event that travels alone: with its `id`, its sensor and its task or pod."""
    body = {"id": event_id(header.sensor, event.lane, event.seq), "task_id": task_key(header)}
    body |= _encoder(Event, True)(event)
    return body | {k: v for k, v in _encoder(Header, True)(header).items() if k != "schema"}


def part_to_json(value: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON form of any part of an event, or of a header."""
    return cast(dict[str, Any], _encoder(type(value), True)(value))


def forget() -> None:
    """Let go of the parts that are remembered. The sensor's own are small; whoever encodes what others sent calls this
    after each batch, so that no more is held than one batch can bring."""
    for clear in _FORGETTING:
        clear()


def event_from_wire(plain: object, where: str = "event") -> Event:
    """An event from its msgpack form. Raises `MalformedEvent` naming the place."""
    return cast(Event, _decoder(Event, False)(plain, where))


def event_from_json(plain: object, where: str = "event") -> Event:
    """An event from its JSON form; `id`, sensor and task are passed over. Raises `MalformedEvent`."""
    return cast(Event, _decoder(Event, True)(plain, where))


def header_from_wire(plain: object, where: str = "batch") -> Header:
    """A header from its msgpack form. Raises `MalformedEvent`."""
    return cast(Header, _decoder(Header, False)(plain, where))


def header_from_json(plain: object, where: str = "header") -> Header:
    """A header from its JSON form. Raises `MalformedEvent`."""
    return cast(Header, _decoder(Header, True)(plain, where))


def batch_from_wire(plain: object) -> Batch:
    """A whole batch from its msgpack form, upgraded from an older schema where need be.

    The form is the header's own fields and `events`, a list. Raises `MalformedEvent` or `UnknownSchema`; there is
    no half of a batch.
    """
    plain = upgraded(plain)
    events = plain.get("events")
    if not isinstance(events, list):
        raise MalformedEvent(f"batch.events: expected a list, got {_name(events)}")
    header = header_from_wire(plain)
    return Batch(header, tuple(event_from_wire(e, f"batch.events[{i}]") for i, e in enumerate(events)))


def upgraded(plain: object) -> dict[str, Any]:
    """A batch's plain form in this version's schema. Raises `MalformedEvent` or `UnknownSchema`."""
    if not isinstance(plain, dict):
        raise MalformedEvent(f"batch: expected a map, got {_name(plain)}")
    number = plain.get("schema")
    if type(number) is not int or number not in UNDERSTOOD:  # 1.0 and True would pass for 1
        raise UnknownSchema(f"batch.schema: {number!r} is not among those understood here: {UNDERSTOOD}")
    for older in range(number, SCHEMA):
        plain = UPGRADES[older](plain)
    return plain


@cache
def _encoder(kind: Any, text: bool) -> Encode:
    """The converter to plain values for a type as annotated; `text` asks for the JSON form."""
    kind = _required(kind)
    if kind is Timestamp:
        return to_rfc3339 if text else _sent_time
    if kind is float:
        return _sent_number
    if kind in (int, str, bool):
        return _same
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {member: member.value for member in kind}.__getitem__
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        item = _encoder(inner[0], text)
        return list if item is _same else lambda values: [item(v) for v in values]
    if origin is Mapping:
        item = _encoder(inner[1], text)
        return lambda values: {k: item(v) for k, v in values.items()}
    return _record_encoder(kind, text)


def _record_encoder(kind: Any, text: bool) -> Encode:
    """Every event comes through here, so the function is written for its type, as `dataclasses` writes `__init__`: it
    looks at each field once and calls nothing for those that are unset (ADR 0100)."""
    hints, names = typing.get_type_hints(kind), kind._fields
    known: dict[str, Any] = {}
    lines = ["def encode(record):", f"    {', '.join(f'_{name}' for name in names)}, = record", "    plain = {}"]
    for name in names:
        convert = _encoder(hints[name], text)
        default = None if name in ALWAYS else kind._field_defaults.get(name)
        known |= {f"convert_{name}": convert, f"default_{name}": default}
        differs = f" and _{name} != default_{name}" if default is not None else ""
        value = f"_{name}" if convert is _same else f"convert_{name}(_{name})"
        if convert is _sent_time:  # as in nearly every case, without a call
            value = f"_{name} if type(_{name}) is int and 0 <= _{name} <= {INT_MAX} else {value}"
        lines.append(f"    if _{name} is not None{differs}: plain[{name!r}] = {value}")
    exec("\n".join([*lines, "    return plain"]), known)  # noqa: S102  # of our own annotations, nothing from outside
    encode: Encode = known["encode"]
    if kind not in REPEATED:
        return encode
    remembering = lru_cache(REMEMBERED)(encode)
    _FORGETTING.append(remembering.cache_clear)
    return remembering


@cache
def _decoder(kind: Any, text: bool) -> Decode:
    """The checked converter from plain values for a type as annotated."""
    kind = _required(kind)
    if kind is Timestamp:
        return from_rfc3339 if text else _timestamp
    if kind is int:
        return _integer
    if kind is float:
        return _number
    if kind in (str, bool):
        return _scalar(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum(kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return _sequence(_decoder(inner[0], text))
    if origin is Mapping:
        return _mapping(_decoder(inner[1], text))
    return _record(kind, text)


def _record(kind: Any, text: bool) -> Decode:
    hints = typing.get_type_hints(kind)
    fields = {name: _decoder(hints[name], text) for name in kind._fields}
    needed = [name for name in kind._fields if name not in kind._field_defaults]

    def decode(plain: object, where: str) -> Any:
        if not isinstance(plain, dict):
            raise MalformedEvent(f"{where}: expected a map, got {_name(plain)}")
        for name in needed:
            if plain.get(name) is None:
                raise MalformedEvent(f"{where}.{name}: missing")
        values = {
            name: convert(plain[name], f"{where}.{name}")
            for name, convert in fields.items()
            if plain.get(name) is not None
        }
        return kind(**values)

    return decode


def _sequence(item: Decode) -> Decode:
    def decode(plain: object, where: str) -> Any:
        if not isinstance(plain, list):
            raise MalformedEvent(f"{where}: expected a list, got {_name(plain)}")
        return tuple(item(value, f"{where}[{i}]") for i, value in enumerate(plain))

    return decode


def _mapping(item: Decode) -> Decode:
    name = _scalar(str)

    def decode(plain: object, where: str) -> Any:
        if not isinstance(plain, dict):
            raise MalformedEvent(f"{where}: expected a map, got {_name(plain)}")
        return {name(k, f"{where} (a key)"): item(v, f"{where}.{k}") for k, v in plain.items()}

    return decode


def _scalar(kind: type[T]) -> Callable[[object, str], T]:
    def decode(plain: object, where: str) -> T:
        if not isinstance(plain, kind):
            raise MalformedEvent(f"{where}: expected {kind.__name__}, got {_name(plain)}")
        return plain

    return decode


def _integer(plain: object, where: str) -> int:
    if not isinstance(plain, int) or isinstance(plain, bool):
        raise MalformedEvent(f"{where}: expected int, got {_name(plain)}")
    if not INT_MIN <= plain <= INT_MAX:
        raise MalformedEvent(f"{where}: {plain} does not fit 64 bits")
    return plain


def _number(plain: object, where: str) -> float:
    if isinstance(plain, int) and not isinstance(plain, bool):
        return float(_integer(plain, where))
    if not isinstance(plain, float) or not math.isfinite(plain):
        raise MalformedEvent(f"{where}: expected a finite number, got {_name(plain)}")
    return plain


def _timestamp(plain: object, where: str) -> Timestamp:
    value = Timestamp(_integer(plain, where))
    if not in_range(value):
        raise MalformedEvent(f"{where}: {value} ns is outside the years 1970 to 9999")
    return value


def _enum(kind: type[StrEnum]) -> Decode:
    known = {str(member): member for member in kind}

    def decode(plain: object, where: str) -> StrEnum:
        if not isinstance(plain, str) or plain not in known:
            raise MalformedEvent(f"{where}: {plain!r} is no {kind.__name__.lower()} of this schema"[:200])
        return known[plain]

    return decode


def _required(kind: Any) -> Any:
    """`X` for `X | None`, anything else as it is."""
    if typing.get_origin(kind) in (Union, types.UnionType):
        return next(k for k in typing.get_args(kind) if k is not type(None))
    return kind


def _same(value: Any) -> Any:
    return value


def _sent_time(value: Any) -> Any:
    """What readers would refuse is refused here, where it costs one event and not the batch around it."""
    return _timestamp(value, "a time")


def _sent_number(value: Any) -> Any:
    return _number(value, "a number")


def _name(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
