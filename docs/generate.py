"""Writes the documents that repeat the code: `python docs/generate.py`; `--check` only says which are out of date."""

import inspect
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import chart_values
import checks_document
import task_definitions
from losses_document import render as losses
from metrics_document import render as metrics
from posture_document import render as posture
from rules_document import render as rules

from sensor.config import document
from sensor.model import events
from sensor.model.kinds import Kind, lane_of
from sensor.ocsf import document as ocsf

HERE = Path(__file__).parent
SCALARS = {int: "integer", float: "number", str: "text", bool: "true or false"}
PARTS = (
    events.Container,
    events.Process,
    events.Ancestor,
    events.File,
    events.Network,
    events.Dns,
    events.Detection,
    events.Posture,
    events.Loss,
    events.Health,
    events.CollectorHealth,
    events.Link,
    events.Evidence,
    events.Missing,
    events.Sensor,
    events.Task,
    events.Pod,
)
HEAD = """\
# Events

Written from `sensor/model/events.py` and `sensor/model/kinds.py` by `make docs`; `make check` keeps it current.

Names are the same in JSON and in msgpack. Times are RFC 3339 with nine decimals in JSON and integers of nanoseconds
since 1970 in msgpack. A field that is unknown or at its default is left out; what could not be read is named in
`evidence.missing` with the reason. In JSON an event carries, besides its own fields, its `id` (sensor, epoch, lane and
sequence number), its `task_id`, and the `sensor`, `task` or `pod` of its batch. [schema.md](schema.md) says what may
change between versions.

"""


def render() -> str:
    """The whole of events.md."""
    kinds = _table(("Kind", "Lane"), ((f"`{kind}`", str(lane_of(kind))) for kind in Kind))
    return HEAD + "## Kinds\n\n" + kinds + "".join(_section(part) for part in (events.Event, *PARTS))


def _section(part: type) -> str:
    rows = ((f"`{name}`", _named(hint)) for name, hint in typing.get_type_hints(part).items())
    return f"\n## {part.__name__}\n\n{inspect.getdoc(part)}\n\n" + _table(("Field", "Value"), rows)


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _named(hint: object) -> str:
    """A type in words; parts link to their section."""
    if isinstance(hint, type) and hint in SCALARS:
        return SCALARS[hint]
    if hint is events.Timestamp:
        return "time"
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _named(next(one for one in inner if one is not type(None)))
    if origin is tuple:
        return f"list of {_named(inner[0])}"
    if origin is Mapping:
        return f"map of text to {_named(inner[1])}"
    name = getattr(hint, "__name__", str(hint))
    return f"one of the {name.lower()}s" if _is_enum(hint) else f"[{name}](#{name.lower()})"


def _is_enum(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


DOCUMENTS = {
    "checks.md": checks_document.render,
    "configuration.md": document.render,
    "events.md": render,
    "losses.md": losses,
    "metrics.md": metrics,
    "ocsf.md": ocsf.render,
    "posture.md": posture,
    "rules.md": rules,
    "../helm/fargate-sensor/README.md": chart_values.render,
    **{f"../task-definitions/{name}": render for name, render in task_definitions.DOCUMENTS.items()},
}


def main(argv: list[str]) -> int:
    """Write what differs, or with `--check` name it and return 1."""
    stale = [name for name, made in DOCUMENTS.items() if _text(HERE / name) != made()]
    if argv == ["--check"]:
        for name in stale:
            sys.stderr.write(f"docs/{name} is out of date: run make docs\n".replace("docs/../", ""))
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(DOCUMENTS[name](), encoding="utf-8")
    return 0


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
