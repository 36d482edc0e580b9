"""An independent evaluation of Sigma rules: pySigma's SQLite backend, over a table with a column for each field."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from itertools import product

from sigma.backends.sqlite import sqliteBackend
from sigma.rule import SigmaRule

from sensor.detect.facts import Facts
from sensor.detect.fields import FIELDS
from sensor.model.events import Event, Process

SPREAD = ("type", "process.name")
"""Fields with several values that become several rows; a rule that asks for another such field is not compared."""


class SqlRules:
    """Events in a table, and rules asked of it."""

    def __init__(self, events: Iterable[Event], parent_of: Callable[[Event], Process | None]) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.create_function("REGEXP", 2, _regexp, deterministic=True)
        one = {name.lower(): name for name in FIELDS if name != "*" and (not FIELDS[name].several or name in SPREAD)}
        self._columns, self._taken = list(one.values()), set(one)  # SQLite has no case in names
        columns = ", ".join(f'"{name}" {_affinity(name)}' for name in self._columns)
        self._database.execute(
            f"CREATE TABLE logs (number INTEGER, occurrence TEXT, fulltext TEXT COLLATE NOCASE, {columns})"
        )
        marks = ", ".join("?" * (len(self._columns) + 3))
        for number, event in enumerate(events):
            facts = Facts(event, {}, None, parent_of)
            self._database.executemany(f"INSERT INTO logs VALUES ({marks})", _rows(number, facts, self._columns))

    def close(self) -> None:
        """Forget the table."""
        self._database.close()

    def matches(self, rule: SigmaRule, kinds: Iterable[str]) -> set[int]:
        """The numbers of the events that the rule finds among those kinds."""
        backend = sqliteBackend(fulltext_field="fulltext")
        for field in backend.required_fields(rule):
            if field.lower() not in self._taken and field != "fulltext":
                self._database.execute(f'ALTER TABLE logs ADD COLUMN "{field}" TEXT COLLATE NOCASE')
                self._taken.add(field.lower())
        found: set[int] = set()
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        for query in backend.convert_rule(rule):
            where = query.partition(" WHERE ")[2]
            rows = self._database.execute(f"SELECT number FROM logs WHERE occurrence IN ({listed}) AND ({where})")
            found.update(number for (number,) in rows)
        return found


def _rows(number: int, facts: Facts, columns: list[str]) -> Iterable[tuple[object, ...]]:
    fulltext = FIELDS["*"].get(facts)
    values: Mapping[str, object] = {name: _plain(name, facts) for name in columns}
    spread = [values[name] or (None,) for name in SPREAD]
    for chosen in product(*spread):  # type: ignore[call-overload]  # tuples, of those fields
        row = {**values, **dict(zip(SPREAD, chosen, strict=True))}
        yield (number, str(facts.event.kind), fulltext, *(row[name] for name in columns))


def _plain(name: str, facts: Facts) -> object:
    """What the event has; nothing where its kind cannot have it."""
    if facts.event.kind not in FIELDS[name].kinds:
        return None
    value = FIELDS[name].get(facts)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _affinity(name: str) -> str:
    numbers = ("Port", "_port", "ProcessId", "LogonId", "uid", "pid", "gid", ".size", ".mode")
    return "INTEGER" if name.endswith(numbers) else "TEXT COLLATE NOCASE"


def _regexp(pattern: str, text: object) -> bool:
    return text is not None and re.search(pattern, str(text)) is not None
