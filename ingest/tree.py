"""The processes of a task as trees, one set a container, built from what was told of their execs and exits.

Whatever sensors claim, this ends and stays small: events, processes, containers and depth are bounded, each process
stands in one place, and a circle of parents is cut open. What is left out is said with `truncated`. A process whose
exec or exit was folded with others stands for `count` of them.
"""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ingest.store.protocol import Query, Store
from sensor.model.events import Container
from sensor.model.kinds import Kind

MOST_EVENTS = 20_000
"""Execs and exits looked at, the newest ones."""

MOST_BYTES = 32 * 1024 * 1024
SECONDS = 8.0
"""Text and time for gathering them."""

MOST_PROCESSES = 30_000
MOST_DEPTH = 100
"""Levels in one tree: JSON readers give up on deep nesting. What is deeper stands at the top of its container."""

MOST_CONTAINERS = 1_000
"""Containers listed by their names, the newest ones; others are there where a process of them is."""

PAGE = 1_000

Node = dict[str, Any]

_OF_THE_PROCESS = ("ppid", "user", "uid", "start", "session")
"""What an exec that does not tell it leaves as it was."""

_OF_THE_PROGRAM = ("exe", "comm", "args")
"""What an exec that does not tell it leaves unknown: the program before it had others."""

_KEPT = (*_OF_THE_PROCESS, *_OF_THE_PROGRAM)

_KEPT_WHERE_THERE = ("stdin", "sha256", "drift", "preload")
"""Stand in a node only where its last exec told of them; so does `evidence`, where anything is missing or cut short."""


class History(NamedTuple):
    """Events as JSON texts, in no particular order; `truncated` when there were more."""

    texts: Sequence[str]
    truncated: bool


class Forest(NamedTuple):
    """The containers in their public form; `truncated` when some or processes were left out, or processes
    cut off their parents."""

    containers: list[dict[str, Any]]
    truncated: bool


async def history(store: Store, task: str) -> History:
    """The newest execs and exits of a task."""
    texts: list[str] = []
    size = 0
    until = time.monotonic() + SECONDS
    query = Query(task=task, kinds=(str(Kind.PROCESS_EXEC), str(Kind.PROCESS_EXIT)), limit=PAGE)
    while True:
        page = await store.events(query)
        texts += [found.text for found in page.events]
        size += sum(len(found.text) for found in page.events)
        full = len(texts) >= MOST_EVENTS or size > MOST_BYTES or time.monotonic() > until
        if full or not page.more:
            return History(texts, page.more)
        query = query._replace(cursor=page.reached)


def forest(texts: Iterable[str], containers: Sequence[Container]) -> Forest:
    """The trees. `containers` comes first and in its order, whether or not a process is known in it; the last
    `MOST_CONTAINERS` of them are listed."""
    grove = _Grove()
    events = sorted((json.loads(text) for text in texts), key=lambda event: (str(event["time"]), int(event["seq"])))
    for event in events:
        grove.add(event)
    for event in events:
        grove.add_ancestors(event)
    roots = grove.arranged()
    named = {container.id: container for container in containers[-MOST_CONTAINERS:]}
    for identity in roots:
        named.setdefault(identity, Container(identity))
    listed = [{"id": c.id, "name": c.name, "image": c.image, "processes": roots.get(c.id, [])} for c in named.values()]
    return Forest(listed, grove.truncated or len(containers) > MOST_CONTAINERS)


class _Grove:
    """All processes by entity, with the parent and the container of each."""

    def __init__(self) -> None:
        self.truncated = False
        self._nodes: dict[str, Node] = {}
        self._parents: dict[str, str] = {}
        self._containers: dict[str, str] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Take an exec or an exit, in order of time."""
        process = event.get("process")
        node = self._node(process) if process else None
        if process is None or node is None:
            return
        node["placeholder"] = False
        node["count"] = max(node["count"], event["count"])
        if event["kind"] == Kind.PROCESS_EXEC:
            _execute(node, event)
        else:
            node.update({name: process[name] for name in _KEPT if name in process and node[name] is None})
            node.update(end=event["time"], exit_code=process.get("exit_code"))
        if "container" in event:
            self._containers[node["entity"]] = event["container"]["id"]

    def add_ancestors(self, event: dict[str, Any]) -> None:
        """Link a process to its parents; those of which no event is known appear as placeholders."""
        child = event.get("process")
        if child is None or child["entity"] not in self._nodes:
            return
        for ancestor in child.get("ancestors", ()):
            node = self._node(ancestor)
            if node is None:
                return
            self._parents.setdefault(child["entity"], ancestor["entity"])
            if node["placeholder"]:
                self._containers.setdefault(ancestor["entity"], self._containers.get(child["entity"], ""))
            child = ancestor

    def arranged(self) -> dict[str, list[Node]]:
        """The top processes of each container, their children filled in."""
        children = self._children()
        top = [entity for entity in self._nodes if not self._stands_below(entity)]
        tops: dict[str, list[Node]] = {}
        placed: set[str] = set()
        for entity in [*top, *self._nodes]:  # those that no top leads to stand in a circle: it is cut at the first
            self._plant(entity, children, placed, tops)
        return tops

    def _plant(self, first: str, children: dict[str, list[str]], placed: set[str], tops: dict[str, list[Node]]) -> None:
        """Put a process at the top of its container, and what is too deep below it beside it."""
        waiting = [first]
        while waiting:
            top = waiting.pop()
            if top not in placed:
                placed.add(top)
                tops.setdefault(self._containers.get(top, ""), []).append(self._nodes[top])
                waiting += self._grow(top, children, placed)

    def _grow(self, top: str, children: dict[str, list[str]], placed: set[str]) -> list[str]:
        """Fill in what is below a process, down to `MOST_DEPTH`; returns those that would be deeper."""
        too_deep: list[str] = []
        pending = [(top, 1)]
        while pending:
            entity, depth = pending.pop()
            below = [child for child in children.get(entity, ()) if child not in placed]
            if depth == MOST_DEPTH:
                too_deep += below
                continue
            placed.update(below)
            self._nodes[entity]["children"] = [self._nodes[child] for child in below]
            pending += [(child, depth + 1) for child in below]
        self.truncated = self.truncated or bool(too_deep)
        return too_deep

    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for entity in self._nodes:
            if self._stands_below(entity):
                children.setdefault(self._parents[entity], []).append(entity)
        return children

    def _stands_below(self, entity: str) -> bool:
        """Whether it is shown under its parent: only in the same container, and never under itself."""
        parent = self._parents.get(entity)
        return (
            parent is not None
            and parent != entity
            and self._containers.get(parent, "") == self._containers.get(entity, "")
        )

    def _node(self, process: dict[str, Any]) -> Node | None:
        """The node of a process or an ancestor, made if there is room."""
        node = self._nodes.get(process["entity"])
        if node is None and len(self._nodes) >= MOST_PROCESSES:
            self.truncated = True
        elif node is None:
            node = self._nodes[process["entity"]] = _placeholder(process)
        return node


def _execute(node: Node, event: dict[str, Any]) -> None:
    """Put a new program in the place of the one before it."""
    node["execs"] += event["count"]
    node.update(dict.fromkeys(_OF_THE_PROGRAM))
    for name in (*_KEPT_WHERE_THERE, "evidence"):
        node.pop(name, None)
    process = event["process"]
    node.update({name: process[name] for name in (*_KEPT, *_KEPT_WHERE_THERE) if name in process})
    if event["evidence"].keys() & {"missing", "truncated"}:
        node["evidence"] = event["evidence"]


def _placeholder(process: dict[str, Any]) -> Node:
    unknown = dict.fromkeys(("ppid", "comm", "args", "user", "uid", "start", "end", "exit_code", "session"))
    known = {"entity": process["entity"], "pid": process["pid"], "exe": process.get("exe")}
    return {**known, **unknown, "execs": 0, "count": 1, "placeholder": True, "children": []}
