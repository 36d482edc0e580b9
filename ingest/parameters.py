"""Query parameters, checked as a whole: an answer of 400 names all that are wrong."""

import difflib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from ingest.answers import Refused
from ingest.store.protocol import Place, Query
from ingest.store.rows import LARGEST, LONGEST_NAME
from sensor.model.errors import MalformedEvent
from sensor.model.kinds import Kind, Lane
from sensor.model.times import NS, from_rfc3339

UNKNOWN_TOLD = 10
"""Each costs a search for what was meant, and an address has room for thousands."""

LISTED = "kind"
"""The one parameter that may be given more than once, or as a list with commas."""


def _time(value: object) -> object:
    """RFC 3339 in UTC with up to nine decimals, or with an offset and up to six; ns since 1970."""
    if not isinstance(value, str):
        return value
    try:
        return from_rfc3339(value)
    except MalformedEvent:
        return _with_offset(value)


def _with_offset(value: str) -> int:
    advice = "should be an RFC 3339 time such as 2026-11-24T02:28:00Z (a + must be sent as %2B)"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", value, re.ASCII):
        raise ValueError(advice)
    try:
        moment = datetime.fromisoformat(value.upper())
        since_1970 = moment - datetime.fromisoformat("1970-01-01T00:00:00Z")
    except (ValueError, OverflowError) as error:
        raise ValueError(advice) from error
    return ((since_1970.days * 86_400 + since_1970.seconds) * 1_000_000 + since_1970.microseconds) * (NS // 1_000_000)


def _kinds(values: object) -> object:
    """Kinds, and families such as `process` for all that begin with `process.`."""
    if not isinstance(values, list):
        return values
    kinds: list[str] = []
    for name in ",".join(values).split(","):
        family = [str(kind) for kind in Kind if name in (kind, kind.partition(".")[0])]
        if not family:
            raise ValueError(f"{name[:60]!r} is no kind of event, such as process.exec, nor a family, such as process")
        kinds += family
    return tuple(dict.fromkeys(kinds))


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Limit = Annotated[int, Field(ge=1, le=1000)]
Time = Annotated[int, BeforeValidator(_time)]


class Filters(BaseModel):
    """What both listing and stream understand. An empty `container` asks for what ran in none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Name | None = None
    kind: Annotated[tuple[str, ...], BeforeValidator(_kinds)] = ()
    container: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None
    entity: Name | None = None
    pid: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    since: Time | None = None
    until: Time | None = None
    lane: Lane | None = None
    q: Text | None = None

    def query(self) -> Query:
        """As the store wants it."""
        return Query(
            task=self.task,
            kinds=self.kind,
            container=self.container,
            entity=self.entity,
            pid=self.pid,
            since=self.since,
            until=self.until,
            lane=str(self.lane) if self.lane else None,
            text=self.q,
        )


class Listing(Filters):
    """A page of stored events."""

    order: Literal["asc", "desc"] = "desc"
    limit: Limit = 100
    cursor: Annotated[int, Field(ge=0, le=LARGEST)] | None = None

    def query(self) -> Query:
        newest_first = self.order == "desc"
        return super().query()._replace(newest_first=newest_first, limit=self.limit, cursor=self.cursor)


def _place(value: object) -> object:
    found = re.fullmatch(r"([0-9]{1,19})/(.{1,512})", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("should be what next was in the answer before")
    return Place(min(int(found[1]), LARGEST), found[2])


class Tasks(BaseModel):
    """A page of the list of tasks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text | None = None
    limit: Limit = 1000
    cursor: Annotated[Place, BeforeValidator(_place)] | None = None


class Nothing(BaseModel):
    """For routes without parameters."""

    model_config = ConfigDict(extra="forbid")


M = TypeVar("M", bound=BaseModel)


def parsed(model: type[M], given: QueryParams) -> M:
    """The parameters as the model has them. Raises `Refused` (400) naming every wrong one, of unknown ones ten."""
    values: dict[str, list[str]] = {}
    for name, value in given.multi_items():
        values.setdefault(name, []).append(value)
    unknown = [name for name in values if name not in model.model_fields]
    problems = [_unknown(name, model.model_fields) for name in unknown[:UNKNOWN_TOLD]]
    if len(unknown) > UNKNOWN_TOLD:
        problems.append(f"and {len(unknown) - UNKNOWN_TOLD} more that are no parameters")
    known = {name: each for name, each in values.items() if name in model.model_fields}
    problems += [
        f"{name}: given {len(each)} times, may be given once"
        for name, each in known.items()
        if len(each) > 1 and name != LISTED
    ]
    try:
        result = model.model_validate({name: each if name == LISTED else each[0] for name, each in known.items()})
    except ValidationError as error:
        problems += [_told(str(e["loc"][0]), e["msg"]) for e in error.errors()]
    if problems:
        raise Refused(400, "; ".join(problems))
    return result


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:60], known, n=1)
    return f"{name[:60]!r}: no such parameter" + (f", did you mean {near[0]}?" if near else "")


def _told(name: str, message: str) -> str:
    return f"{name}: " + message.removeprefix("Value error, ").replace("Input should", "should")
