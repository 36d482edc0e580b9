"""A mapping of a document by the names of the ECS API, however the document spells them.

RegisterTaskDefinition writes `containerDefinitions`, CloudFormation `ContainerDefinitions`; for all that is looked at
or changed here the first letter is the only difference.
"""

from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from typing import Any, NamedTuple

from deploy.documents.json_text import as_it_is
from deploy.documents.shared import drop

FREE_MAPS = frozenset({"dockerLabels", "options"})
"""Maps whose keys are the user's."""


class Manner(NamedTuple):
    """How a document is written: its keys, and what makes a value of ours one of its nodes."""

    pascal: bool = False
    node: Callable[[Any], Any] = as_it_is

    def key(self, name: str) -> str:
        """`name` is the API's."""
        return name[:1].upper() + name[1:] if self.pascal else name

    def spelled(self, value: Any) -> Any:
        """A value of ours, written with the API's names, as the document writes it."""
        return self.node(self._keys(value))

    def _keys(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.key(k): v if k in FREE_MAPS else self._keys(v) for k, v in value.items()}
        return [self._keys(one) for one in value] if isinstance(value, list) else value


class Fields:
    """One mapping of the document, changed in place."""

    __slots__ = ("manner", "raw")

    def __init__(self, raw: MutableMapping[str, Any], manner: Manner) -> None:
        self.raw = raw
        self.manner = manner

    def get(self, *path: str) -> Any:
        """The value behind a path of the API's names, None where there is none or it leads through something else."""
        value: Any = self.raw
        for name in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(self.manner.key(name))
        return value

    def has(self, name: str) -> bool:
        """Whether the key is there, be it empty."""
        return self.manner.key(name) in self.raw

    def part(self, name: str) -> "Fields | None":
        """A mapping below this one."""
        value = self.get(name)
        return Fields(value, self.manner) if isinstance(value, MutableMapping) and not is_intrinsic(value) else None

    def parts(self, *path: str) -> "list[Fields]":
        """The mappings in a list below this one; what is none, such as `!If`, is passed over."""
        value = self.get(*path)
        if not isinstance(value, MutableSequence) or is_intrinsic(value):
            return []
        return [Fields(one, self.manner) for one in value if isinstance(one, MutableMapping) and not is_intrinsic(one)]

    def put(self, name: str, value: Any) -> None:
        """Set a value of ours; a key that is there keeps its place."""
        self.raw.update(self.manner.spelled({name: value}))

    def put_as_written(self, name: str, value: Any) -> None:
        """Set a value that comes from the document itself."""
        self.raw[self.manner.key(name)] = value

    def put_before(self, name: str, value: Any, before: str) -> None:
        """Set a value of ours, a new key in front of another."""
        key, anchor = self.manner.key(name), self.manner.key(before)
        if key in self.raw or anchor not in self.raw:
            self.put(name, value)
            return
        spelled = self.manner.spelled({name: value})[key]
        insert = getattr(self.raw, "insert", None)
        if insert is not None:
            insert(list(self.raw).index(anchor), key, spelled)
            return
        items = list(self.raw.items())
        self.raw.clear()
        for old, kept in items:
            if old == anchor:
                self.raw[key] = spelled
            self.raw[old] = kept

    def drop(self, name: str) -> None:
        """Take a key away if it is there."""
        drop(self.raw, self.manner.key(name))


def is_intrinsic(value: object) -> bool:
    """Whether a template computes the value (`!Ref X`, `{"Fn::Sub": …}`), so that it is not known here."""
    tag = getattr(getattr(value, "tag", None), "value", None)
    if isinstance(tag, str) and tag.startswith("!"):
        return True
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    key = next(iter(value))
    return isinstance(key, str) and (key in ("Ref", "Condition") or key.startswith("Fn::"))


def text(value: object) -> str | None:
    """A plain text or number as text; None for all else, what a template computes included."""
    if isinstance(value, bool) or is_intrinsic(value):
        return None
    return str(value) if isinstance(value, str | int | float) else None


def truth(value: object) -> bool:
    """Whether a value says yes, as JSON, YAML 1.1 and CloudFormation's texts write it."""
    return value is True or (isinstance(value, str) and value.lower() in ("true", "yes", "on"))
