"""Cases that stand beside rules: `NAME.cases.yml` beside `NAME.yml`, what must fire it and what must not.

    fires:
      - exec: curl -s http://169.254.170.2/v2/credentials/1a2b    # an event in short
        run: python3 -c "…"                                       # optional: how to make it happen in a container
    spares:
      - exec: curl -s https://example.org/

A case is one event: `exec: COMMAND LINE`, a kind of file event and its path (`file.create: /etc/cron.d/x`),
`connect: ADDRESS:PORT`, `listen: PORT`, `dns: NAME` or any other kind with `true`. `by: COMMAND LINE` is the process of
an event that is no exec, `exe` its executable where that is not the first word (below /usr/bin), `parents` the
executables above it, nearest first, and `with` whatever else the event has, as in docs/events.md. The event may differ
in every way from what `run` leads to, as long as the rule says the same of both.
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sensor.detect.compact import Problem
from sensor.detect.engine import Engine
from sensor.model.codec import event_from_json
from sensor.model.errors import MalformedEvent
from sensor.model.events import Event
from sensor.model.kinds import Kind
from sensor.sigma.documents import CASES, Document, documents

KINDS = frozenset(map(str, Kind))
SHORT = {
    "exec": Kind.PROCESS_EXEC,
    "connect": Kind.NETWORK_CONNECT,
    "listen": Kind.NETWORK_LISTEN,
    "dns": Kind.DNS_QUERY,
}
EXTRAS = {"by", "exe", "parents", "with", "run"}
TIME = "2026-01-01T00:00:00.000000000Z"

Plain = dict[str, Any]


class Case(NamedTuple):
    """One event, whether the rule must find it, its place, and the shell line that makes it happen, if it has one."""

    event: Event
    fires: bool
    source: str
    run: str | None = None


def cases_beside(rule: Path) -> Iterator[Case | Problem]:
    """The cases of a file of rules; none where there is no such file."""
    path = rule.with_name(rule.stem + CASES)
    if not path.exists():
        return
    for document in documents(path):
        if isinstance(document, Problem):
            yield document
        else:
            yield from _cases(document)


def failures(cases: list[Case], engine: Engine, rule_id: str) -> Iterator[Problem]:
    """What a rule says wrongly of its cases."""
    for case in cases:
        found = any(rule.id == rule_id for rule in engine.matches(case.event))
        if found != case.fires:
            yield Problem(case.source, "should fire and does not" if case.fires else "should not fire and does")


def _cases(document: Document) -> Iterator[Case | Problem]:
    if strange := sorted(document.content.keys() - {"fires", "spares"}):
        yield Problem(document.at(strange[0]), f"unknown key {strange[0]}: there are fires and spares")
    for key, fires in (("fires", True), ("spares", False)):
        listed = document.content.get(key)
        if not isinstance(listed, list) or not listed:
            yield Problem(document.at(key), f"{key} should be a list of cases")
            continue
        for number, item in enumerate(listed, 1):
            source = f"{document.at(key)} ({key} {number})"
            try:
                yield Case(event_of(item), fires, source, item.get("run"))
            except (MalformedEvent, ValueError, TypeError, AttributeError) as error:
                yield Problem(source, f"no case: {error}")


def event_of(item: Mapping[str, Any]) -> Event:
    """The event of a case. Raises `ValueError`, `TypeError` and `MalformedEvent`."""
    names = [name for name in item if name not in EXTRAS]
    if len(names) != 1 or (names[0] not in KINDS and names[0] not in SHORT):
        raise ValueError(f"one kind of event expected, got {', '.join(map(str, names)) or 'none'}")
    name = names[0]
    kind = SHORT.get(name, name)
    plain: Plain = {"kind": str(kind), "time": TIME, "evidence": {"source": "case"}}
    line = item[name] if name == "exec" else item.get("by")
    if line is not None or name == "exec":
        plain["process"] = _process(line, item)
    plain |= _part(str(kind), item[name])
    for part, fields in (item.get("with") or {}).items():
        plain[part] = {**plain.get(part, {}), **fields} if isinstance(fields, dict) else fields
    return event_from_json(plain)


def _process(line: Any, item: Mapping[str, Any]) -> Plain:
    args = shlex.split(line) if isinstance(line, str) else []
    if not args:
        raise ValueError("a command line expected")
    exe = item.get("exe") or (args[0] if args[0].startswith("/") else f"/usr/bin/{args[0]}")
    above = [{"entity": f"above-{n}", "pid": n, "exe": path} for n, path in enumerate(item.get("parents") or (), 1)]
    return {"entity": "case", "pid": 100, "exe": exe, "args": args, "ancestors": above}


def _part(kind: str, value: Any) -> Plain:
    if kind.startswith("file."):
        return {"file": {"path": value}}
    if kind == Kind.DNS_QUERY:
        return {"dns": {"question": value, "type": "A"}}
    if kind == Kind.NETWORK_LISTEN:
        return {"network": {"direction": "listen", "transport": "tcp", "src": "0.0.0.0", "src_port": int(value)}}
    if kind.startswith("network."):
        address, _, port = str(value).rpartition(":")
        return {"network": {"direction": "outbound", "transport": "tcp", "dst": address, "dst_port": int(port)}}
    return {}
