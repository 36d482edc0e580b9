"""What stands in a document more than once, by aliases and merge keys: a change of one place would be one of all.

So a place gets a copy of its own before it is changed. Where the author wrote it, it stays; what refers to it from
elsewhere is written out there.
"""

import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

WRITTEN_OUT = "what an alias or a merge key stands for is written out where it is changed"
MERGE = "_yaml_merge"
"""Where ruamel.yaml keeps what a mapping merges (`ruamel.yaml.comments.merge_attrib`)."""


class _Places(NamedTuple):
    """By the id of a mapping or list: its holders with their keys, the author's own place first; and what merges it."""

    holders: dict[int, list[tuple[Any, Any]]]
    mergers: dict[int, list[Any]]


class Shared:
    """The places of a document. `written_out` counts what had to be written out so far."""

    def __init__(self, root: Any) -> None:
        self.written_out = 0
        self._root = root
        found = _places(root)
        self._none = not found.mergers and all(len(one) == 1 for one in found.holders.values())

    def own(self, holder: Any, *path: Any) -> Any:
        """The node behind a path, which no other place of the document refers to from now on, nor to those before it.

        `holder` must be that already, as the root of the document is.
        """
        places, made = None, self.written_out
        for key in path:
            if not self._none and isinstance(holder[key], dict | list):
                places = _places(self._root) if places is None or self.written_out > made else places
                made = self.written_out
                self._own(holder, key, places)
            holder = holder[key]
        return holder

    def own_all(self, holder: Any, key: Any) -> None:
        """The same for the node at a key and everything below it."""
        node = self.own(holder, key)
        for inner in [] if self._none else _keys(node):
            self.own_all(node, inner)

    def own_keys(self, node: Any) -> None:
        """Have nothing merge a node from now on; places that alias it still do."""
        if not self._none:
            self._part(_places(self._root).mergers[id(node)])

    def _own(self, holder: Any, key: Any, places: _Places) -> None:
        node = holder[key]
        here, *others = places.holders[id(node)] or [(holder, key)]
        if here[0] is not holder or here[1] != key:
            others = [(holder, key)]
        else:
            self._part(places.mergers[id(node)])
        for other, name in others:
            other[name] = _twin(node)
        self.written_out += len(others)

    def _part(self, mergers: Iterable[Any]) -> None:
        for one in mergers:
            write_out(one)
            self.written_out += 1


def write_out(mapping: Any) -> None:
    """Give a mapping what it merges as its own, where the merge key stood."""
    merge = getattr(mapping, MERGE, None)
    if not merge:
        return
    keys = dict(_own_items(mapping))
    for key in [key for key in mapping if key not in keys]:
        mapping[key] = _referred(mapping[key])
    for key in list(keys)[merge.merge_pos :]:
        mapping.move_to_end(key)
    delattr(mapping, MERGE)
    for source in merge:  # which ruamel.yaml would tell of keys that are deleted, and fail
        source._ref[:] = [one for one in source._ref if one is not mapping]


def drop(mapping: Any, key: str) -> None:
    """Take a key away if it is there, be it merged."""
    if key not in mapping:
        return
    if key not in dict(_own_items(mapping)):
        write_out(mapping)
    del mapping[key]


def copied(value: Any) -> Any:
    """A copy of a part of the document, all written out, without the comments and the anchors of the part."""
    twin = copy.deepcopy(value)
    _strip(twin, set())
    return twin


def _places(root: Any) -> _Places:
    found = _Places(defaultdict(list), defaultdict(list))
    seen: set[int] = set()
    waiting: list[tuple[Any, Any, Any]] = [(None, None, root)]
    while waiting:
        holder, key, node = waiting.pop()
        if key is MERGE:
            found.mergers[id(node)].append(holder)
        else:
            found.holders[id(node)].append((holder, key))
        if id(node) not in seen:
            seen.add(id(node))
            waiting += reversed([(node, key, one) for key, one in _inside(node) if isinstance(one, dict | list)])
    return found


def _inside(node: Any) -> Iterator[tuple[Any, Any]]:
    """What a node has, as its author wrote it, then what it merges, then what it has from there."""
    if isinstance(node, list):
        yield from enumerate(node)
        return
    own = dict(_own_items(node))
    yield from own.items()
    for source in getattr(node, MERGE, ()):
        yield MERGE, source
        yield from ((key, node[key]) for key in source if key not in own)


def _own_items(mapping: Any) -> Iterable[tuple[Any, Any]]:
    items: Iterable[tuple[Any, Any]] = mapping.non_merged_items() if getattr(mapping, MERGE, None) else mapping.items()
    return items


def _keys(node: Any) -> list[Any]:
    if isinstance(node, Mapping):
        return list(node)
    return list(range(len(node))) if isinstance(node, list) else []


def _referred(value: Any) -> Any:
    """A value for another place: one with an anchor is referred to by its name, so that no copy grows without end."""
    if getattr(getattr(value, "anchor", None), "value", None) is not None:
        return value
    return _twin(value) if isinstance(value, dict | list) else copy.deepcopy(value)


def _twin(node: Any) -> Any:
    """A copy for another place, without comments and without an anchor."""
    twin = type(node)()
    for name in ("_yaml_format", "_yaml_tag"):
        if hasattr(node, name):
            setattr(twin, name, getattr(node, name))
    if isinstance(node, list):
        twin.extend(map(_referred, node))
        return twin
    for key, value in _own_items(node):
        twin[key] = _referred(value)
    if merge := getattr(node, MERGE, None):
        twin.add_yaml_merge(_twin_of_merge(merge))
    return twin


def _twin_of_merge(merge: Any) -> Any:
    twin = copy.copy(merge)
    twin.value = list(map(_referred, merge))
    if merge.sequence is not None:
        twin.sequence = _twin(merge.sequence)
        twin.value = list(twin.sequence)
    return twin


def _strip(node: Any, seen: set[int]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    comments = getattr(node, "ca", None)
    if comments is not None:
        comments.comment = None
        comments.items.clear()
    anchor = getattr(node, "anchor", None)
    if anchor is not None:
        anchor.value = None
    if hasattr(node, MERGE):
        delattr(node, MERGE)  # what it merges became its own when it was copied
    if isinstance(node, Mapping):
        for one in node.values():
            _strip(one, seen)
    elif isinstance(node, list):
        for one in node:
            _strip(one, seen)
