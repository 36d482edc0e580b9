"""What a document holds: task definitions in the four forms that people have them in."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence
from typing import Any, NamedTuple

from deploy.documents.errors import MalformedDocument
from deploy.documents.json_text import JsonText, as_it_is
from deploy.documents.shared import Shared
from deploy.documents.stream import parts_of
from deploy.documents.text import decoded
from deploy.ecs.definition import Definition
from deploy.ecs.fields import Manner, is_intrinsic, truth

READ_ONLY = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)
"""What DescribeTaskDefinition answers and RegisterTaskDefinition refuses."""

TASK_DEFINITION = "AWS::ECS::TaskDefinition"
SERVICES = ("AWS::ECS::Service", "AWS::ECS::TaskSet")


class Document(NamedTuple):
    """The definitions of a document, to be changed in place. `text` writes it as it is now."""

    definitions: tuple[Definition, ...]
    text: Callable[[], str]
    notes: tuple[str, ...] = ()
    """What reading it has changed already."""
    original: str = ""


def read(content: bytes) -> Document:
    """The document in some bytes, JSON or YAML. Raises `MalformedDocument`."""
    text = decoded(content)
    if not text.strip():
        raise MalformedDocument("the document is empty")
    document = _json(text) if text.lstrip()[0] in "{[" else _yaml(text)
    return document._replace(text=lambda: "\ufeff" + document.text()) if content.startswith(BOM_UTF8) else document


def _json(text: str) -> Document:
    json_text = JsonText(text)
    return _document(json_text.data, json_text.text, as_it_is, text)


def _yaml(text: str) -> Document:
    """The one document of a text, which may have comments, directives and markers around it."""
    parts = parts_of(text)
    part, *more = [one for one in parts if one.data is not None] or parts[:1]
    if more:
        raise MalformedDocument("no YAML: expected a single document in the stream, found more", more[0].marker_line)

    def write(data: Any) -> str:
        return "".join(one.rewritten(data) if one is part else one.written() for one in parts)

    try:
        return _document(part.data, write, part.node, text)
    except MalformedDocument as error:
        raise error.moved(part.line - 1) from error


def _document(data: Any, write: Callable[[Any], str], node: Callable[[Any], Any], original: str) -> Document:
    if isinstance(data, MutableSequence):
        definition = Definition(Shared(data), _named(data), None, Manner(False, node))
        return Document((definition,), lambda: write(data), (), original)
    if not isinstance(data, MutableMapping):
        raise MalformedDocument(f"expected an object or an array, found {_kind(data)}")
    if isinstance(data.get("Resources"), MutableMapping):
        definitions = tuple(_template(data, Manner(True, node)))
        loops = [key for key in data["Resources"] if str(key).startswith("Fn::ForEach")]
        notes = tuple(f"{key} is not looked into: what it makes has no sensor" for key in loops)
        return Document(definitions, lambda: write(data), notes, original)
    return _registered(data, write, Manner(False, node), original)


def _registered(data: Any, write: Callable[[Any], str], manner: Manner, original: str) -> Document:
    """RegisterTaskDefinition's form; DescribeTaskDefinition's becomes it."""
    task = data
    if isinstance(data.get("taskDefinition"), MutableMapping):
        task = data["taskDefinition"]
        if data.get("tags"):
            task["tags"] = data["tags"]
    if "containerDefinitions" not in task:
        raise MalformedDocument(
            "no containerDefinitions, no Resources and no taskDefinition: neither a task definition nor a template"
        )
    gone = [key for key in READ_ONLY if task.pop(key, None) is not None]
    notes = (f"left out {', '.join(gone)}: register-task-definition takes none of them",) if gone else ()
    _containers(task["containerDefinitions"])
    definition = Definition(Shared(data), data, () if task is data else ("taskDefinition",), manner)
    return Document((definition,), lambda: write(task), notes, original)


def _named(data: MutableSequence[Any]) -> MutableSequence[Any]:
    containers = _containers(data)
    if any(not is_intrinsic(one) and not {"name", "image"} <= one.keys() for one in containers):
        raise MalformedDocument("an array of something else: container definitions have a name and an image")
    return containers


def _template(data: MutableMapping[str, Any], manner: Manner) -> Iterator[Definition]:
    resources = data["Resources"]
    exec_enabled = any(
        isinstance(one, Mapping)
        and one.get("Type") in SERVICES
        and isinstance(one.get("Properties"), Mapping)
        and truth(one["Properties"].get("EnableExecuteCommand"))
        for one in resources.values()
    )
    shared = Shared(data)
    found = 0
    for name, resource in resources.items():
        if not isinstance(resource, Mapping) or resource.get("Type") != TASK_DEFINITION:
            continue
        found += 1
        properties = resource.get("Properties")
        if not isinstance(properties, MutableMapping) or is_intrinsic(properties):
            raise MalformedDocument(f"{name}: Properties is {_kind(properties)}, not a mapping", _line(resource))
        try:
            _containers(properties.get("ContainerDefinitions"))
        except MalformedDocument as error:
            raise MalformedDocument(f"{name}: {error}", error.line or _line(resource)) from error
        yield Definition(shared, data, ("Resources", name, "Properties"), manner, str(name), exec_enabled)
    if not found:
        raise MalformedDocument(f"the template has no {TASK_DEFINITION} that is written out")


def _containers(value: Any) -> MutableSequence[Any]:
    """A list of containers. Raises `MalformedDocument`."""
    if not isinstance(value, MutableSequence) or is_intrinsic(value):
        raise MalformedDocument(f"the container definitions are {_kind(value)}, not a list that is written out")
    if not value:
        raise MalformedDocument("there is no container in the container definitions")
    for number, one in enumerate(value, 1):
        if not isinstance(one, MutableMapping) and not is_intrinsic(one):
            raise MalformedDocument(f"container {number} is {_kind(one)}, not an object", _line(value))
    return value


def _kind(value: object) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if is_intrinsic(value):
        return "computed by the template"
    names = (
        (MutableMapping, "an object"),
        (MutableSequence, "an array"),
        (bool, "true or false"),
        (str, "a text"),
        (int, "a number"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "something else")


def _line(node: object) -> int | None:
    line = getattr(getattr(node, "lc", None), "line", None)
    return line + 1 if isinstance(line, int) else None
