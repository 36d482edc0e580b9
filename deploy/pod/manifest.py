"""The pods in the documents of a manifest: by themselves, as templates of what makes them, and in lists."""

from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from deploy.documents.errors import MalformedDocument
from deploy.documents.stream import Part, Stream
from deploy.kubernetes import GROUPS, TEMPLATES
from deploy.told import Told, note


class Pod(NamedTuple):
    """A pod, or the template of one: `raw` is to be changed in place, and then `part.changed` to be set."""

    part: Part
    raw: MutableMapping[str, Any]
    place: str
    """`Deployment shop`."""


class Found(NamedTuple):
    """All pods of a stream, and what is to be told of what is none."""

    pods: tuple[Pod, ...]
    notes: tuple[Told, ...]


def pods(stream: Stream) -> Found:
    """The pods in order. Raises `MalformedDocument`: a kind that has pods, without any."""
    found: list[Pod] = []
    notes: list[Told] = []
    for part in stream.parts:
        try:
            _take(part, part.data, found, notes)
        except RecursionError as error:  # by an alias
            raise MalformedDocument("a list that has itself as an item", part.line) from error
    return Found(tuple(found), tuple(notes))


def _take(part: Part, thing: Any, found: list[Pod], notes: list[Told]) -> None:
    if not isinstance(thing, MutableMapping):
        return
    kind, items = thing.get("kind"), thing.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for one in items:
            _take(part, one, found, notes)
    elif _is_known(thing):
        found.append(Pod(part, _template(part, thing), _place(thing)))
    elif _looks_like_a_template(thing):
        notes.append(note(f"{_place(thing)}: this kind is not known, what it makes gets no sensor from here"))


def _is_known(thing: Mapping[str, Any]) -> bool:
    kind, version = thing.get("kind"), thing.get("apiVersion")
    return isinstance(kind, str) and kind in TEMPLATES and isinstance(version, str) and version.startswith(GROUPS)


def _template(part: Part, thing: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    inner: Any = thing
    for key in TEMPLATES[thing["kind"]]:
        inner = inner.get(key)
        if not isinstance(inner, MutableMapping):
            path = ".".join(TEMPLATES[thing["kind"]])
            raise MalformedDocument(f"{_place(thing)}: {path} is no object", _line(part, thing))
    return inner  # type: ignore[no-any-return] # checked above


def _looks_like_a_template(thing: Mapping[str, Any]) -> bool:
    inner: Any = thing
    for key in ("spec", "template", "spec", "containers"):
        inner = inner.get(key) if isinstance(inner, Mapping) else None
    return isinstance(inner, list)


def _place(thing: Mapping[str, Any]) -> str:
    metadata = thing.get("metadata")
    names = [metadata.get(key) for key in ("name", "generateName")] if isinstance(metadata, Mapping) else []
    name = next((one for one in names if isinstance(one, str)), "without a name")
    kind = thing.get("kind") if isinstance(thing.get("kind"), str) else "an object without a kind"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in f"{kind} {name}")


def _line(part: Part, node: object) -> int | None:
    line = getattr(getattr(node, "lc", None), "line", None)
    return part.line + line if isinstance(line, int) else None
