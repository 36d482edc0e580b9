"""YAML, built from libyaml's events: values and their lines, CloudFormation's short tags written out.

Built here and without recursion, because PyYAML's composer follows nesting down the C stack: 50,000 open brackets end
the process with SIGSEGV. Aliases share one object, so that a document never becomes larger than its text.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from deploy.checks.marks import Mark
from deploy.checks.problems import Unreadable

DEEPEST = 100
"""Levels of nesting; manifests and templates have about 20."""

MOST_ALIASED = 200_000
"""Values that aliases may stand for, all together: a small text can stand for a very large document."""

_PLAIN = yaml.SafeLoader("")
_INT, _FLOAT, _BOOL, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))
_BARE = frozenset({"!Ref", "!Condition"})
MERGE = "<<"


class _Open(NamedTuple):
    """A collection that is being filled."""

    value: dict[str, Any] | list[Any]
    mark: Mark
    tag: str | None
    anchor: str | None
    before: int
    """How many values there were when it began."""


class _Builder:
    """Turns the events of one document into a value."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._keys: list[tuple[str, int] | None] = []
        self._anchors: dict[str, tuple[Any, Mark, int]] = {}
        self._values = 0
        self._aliased = 0
        self.root: tuple[Any, Mark] | None = None

    def take(self, event: Any) -> None:
        """One event between the start and the end of a document."""
        line = event.start_mark.line + 1
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._start(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), line)
        else:
            self._scalar(event, line)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise Unreadable(line, f"the alias *{anchor} stands for nothing before it, or for what it is in")
        value, mark, size = self._anchors[anchor]
        self._values += size
        self._aliased += size
        if self._aliased > MOST_ALIASED:
            raise Unreadable(line, f"its aliases stand for more than {MOST_ALIASED:,} values")
        self._place(value, mark, line)

    def _start(self, event: Any, line: int) -> None:
        if len(self._open) >= DEEPEST:
            raise Unreadable(line, f"nested deeper than {DEEPEST} levels")
        if self._wants_key():
            raise Unreadable(line, "a key that is a list or a mapping")
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, Mark(line, {}), event.tag, event.anchor, self._values))
        self._values += 1
        self._keys.append(None)

    def _end(self) -> None:
        done = self._open.pop()
        self._keys.pop()
        value = _tagged(done.tag, done.value)
        if done.anchor:
            self._anchors[done.anchor] = value, done.mark, self._values - done.before
        self._place(value, done.mark, done.mark.line)

    def _scalar(self, event: Any, line: int) -> None:
        if self._wants_key():
            self._keys[-1] = event.value, line
            return
        self._values += 1
        mark = Mark(line, {})
        value = _tagged(event.tag, _plain(event.value) if event.implicit[0] else event.value)
        if event.anchor:
            self._anchors[event.anchor] = value, mark, 1
        self._place(value, mark, line)

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._keys[-1] is None

    def _place(self, value: Any, mark: Mark, line: int) -> None:
        if not self._open:
            self.root = value, mark
            return
        into, around = self._open[-1].value, self._open[-1].mark
        if isinstance(into, list):
            around.inner[len(into)] = Mark(line, mark.inner)
            into.append(value)
            return
        key = self._keys[-1]
        if key is None:
            raise Unreadable(line, "a key that is an alias")
        self._keys[-1] = None
        if key[0] == MERGE:
            _merge(into, around, value, mark)
            return
        into[key[0]] = value
        around.inner[key[0]] = Mark(key[1], mark.inner)


def yaml_documents(text: str) -> Iterator[tuple[Any, Mark]]:
    """Each document's value with its marks; raises `Unreadable` at the first error, after the documents before it."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder()
            elif isinstance(event, yaml.DocumentEndEvent):
                if builder.root is not None:
                    yield builder.root
            elif not isinstance(event, (yaml.StreamStartEvent, yaml.StreamEndEvent)):
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise Unreadable(mark.line + 1 if mark else None, f"no YAML: {reason}") from error
    except yaml.YAMLError as error:
        raise Unreadable(None, f"no YAML: {str(error).splitlines()[0]}") from error


def _merge(into: dict[str, Any], around: Mark, value: Any, mark: Mark) -> None:
    """`<<: *defaults`: what stands in the mapping itself wins, wherever it stands."""
    for number, one in enumerate(value if isinstance(value, list) else [value]):
        inner = mark.inner.get(number, mark).inner if isinstance(value, list) else mark.inner
        for key, merged in one.items() if isinstance(one, dict) else ():
            if key not in into:
                into[key] = merged
                around.inner[key] = inner.get(key, mark)


def _tagged(tag: str | None, value: Any) -> Any:
    """`!Sub text` as `{"Fn::Sub": text}`; tags of YAML itself say nothing that the value does not."""
    if tag is None or not tag.startswith("!") or tag == "!":
        return value
    if tag in _BARE:
        return {tag[1:]: value}
    if tag == "!GetAtt" and isinstance(value, str):
        return {"Fn::GetAtt": value.split(".", 1)}
    return {f"Fn::{tag[1:]}": value}


def _plain(text: str) -> Any:
    """A scalar without quotes, as YAML 1.1 reads it, but for dates and sexagesimals, which nobody means here."""
    if not text:
        return None
    tag = _PLAIN.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call] # its stubs lack it
    node = yaml.ScalarNode(tag, text)
    try:
        if tag == _BOOL:
            return _PLAIN.construct_yaml_bool(node)
        if tag == _NULL:
            return None
        if tag == _INT and ":" not in text:
            return _PLAIN.construct_yaml_int(node)
        if tag == _FLOAT and ":" not in text:
            return _PLAIN.construct_yaml_float(node)
    except ValueError:  # an integer of thousands of digits is no number for us
        return text
    return text
