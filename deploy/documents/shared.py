"""What stands in a document more than once, by aliases and merge keys: a change of one place would be one of all."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any


def shared(data: Any) -> frozenset[int]:
    """The ids of the mappings and lists that can be reached by more than one way."""
    seen: set[int] = set()
    twice: set[int] = set()
    waiting = [data]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Mapping | list):
            continue
        if id(node) in seen:
            twice.add(id(node))
            continue
        seen.add(id(node))
        waiting += node.values() if isinstance(node, Mapping) else node
    return frozenset(twice)


def own(root: Any, path: Iterable[str | int], twice: frozenset[int]) -> Any:
    """The node at a path below `root`, in which each node on the way that is shared becomes a copy for this place."""
    node = root
    for key in path:
        if id(node[key]) in twice:
            node[key] = copied(node[key])
        node = node[key]
    return node


def copied(value: Any) -> Any:
    """A copy of a part of the document, without the comments and the anchors of the part."""
    twin = copy.deepcopy(value)
    _strip(twin, set())
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
    if isinstance(node, Mapping):
        for one in node.values():
            _strip(one, seen)
    elif isinstance(node, list):
        for one in node:
            _strip(one, seen)
