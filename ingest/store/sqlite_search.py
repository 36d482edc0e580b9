"""Finding events. The arrivals are gone through in windows, so that a question for something rare stays short.

After each window the time is looked at; a page that ran out of it is short and says where to go on.
"""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from ingest.store.protocol import PAGE_BYTES, Found, Page, Query
from ingest.store.rows import LARGEST

WINDOW = 20_000
"""Arrivals looked at in one statement: some 50 ms when every text must be searched."""

SECONDS = 2.0
"""How long one page may take."""

_ENDPOINT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})|\[([0-9a-f:.]+)\]:(\d{1,5})", re.ASCII | re.IGNORECASE)

BOUNDS = "SELECT (SELECT min(arrival) FROM events), (SELECT max(arrival) FROM events)"
"""SQLite looks up a minimum or a maximum that stands alone; for both in one SELECT it goes through the table."""

_CONDITIONS = {
    "task": "task = (SELECT id FROM tasks WHERE name = ?)",
    "container": "container IN (SELECT id FROM containers WHERE runtime_id = ? OR name = ?)",
    "entity": "entity = ?",
    "pid": "pid = ?",
    "since": "time >= ?",
    "until": "time < ?",
    "lane": "lane = ?",
}


def search(db: sqlite3.Connection, query: Query, seconds: float = SECONDS) -> Page:
    """One page of matching events.

    In order of arrival it is of one state of the store: retention deletes at that end, and between two statements.
    """
    with nullcontext() if query.newest_first else _one_state(db):
        return _search(db, query, seconds)


def _search(db: sqlite3.Connection, query: Query, seconds: float) -> Page:
    first, last = bounds(db)
    until = time.monotonic() + seconds
    gathered = _Gathering(query, first)
    for low, high in _windows(first, last, query):
        with closing(_in_window(db, query, low, high, gathered.wanted())) as found:
            fits = gathered.add(found)
        if not fits:
            return gathered.page(gathered.events[-1].arrival, more=True)
        if time.monotonic() > until:
            edge = low if query.newest_first else high
            return gathered.page(edge, more=edge != (first if query.newest_first else last))
    return gathered.page(first if query.newest_first else max(last, query.cursor or 0), more=False)


@contextmanager
def _one_state(db: sqlite3.Connection) -> Iterator[None]:
    """What is read meanwhile is read as of the first statement."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:  # SQLite ends it by itself after some errors
            db.execute("COMMIT")


def bounds(db: sqlite3.Connection) -> tuple[int, int]:
    """The oldest and the latest arrival; the latest ever given out where nothing is stored any more."""
    first, last = db.execute(BOUNDS).fetchone()
    if first is not None:
        return int(first), int(last)
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    last = int(row[0]) if row else 0
    return last + 1, last


class _Gathering:
    """The events of one page, until it is full by number or by bytes."""

    def __init__(self, query: Query, oldest: int) -> None:
        self.events: list[Found] = []
        self._oldest = oldest
        self._limit = query.limit
        self._bytes = 0

    def wanted(self) -> int:
        """How many to ask for: one more than fit, to know whether there are more."""
        return self._limit - len(self.events) + 1

    def add(self, found: sqlite3.Cursor) -> bool:
        """Take what fits of rows of arrival and text; False when something was left over."""
        for arrival, text in found:
            full = len(self.events) == self._limit or self._bytes + len(text) > PAGE_BYTES
            if full and self.events:
                return False
            self.events.append(Found(arrival, text))
            self._bytes += len(text)
        return True

    def page(self, reached: int, *, more: bool) -> Page:
        return Page(self.events, reached, more, self._oldest)


def _windows(first: int, last: int, query: Query) -> Iterator[tuple[int, int]]:
    """The ranges of arrivals to look at, both ends included, in the order of the query."""
    if query.newest_first:
        top = last if query.cursor is None else min(last, query.cursor - 1)
        for high in range(top, first - 1, -WINDOW):
            yield max(first, high - WINDOW + 1), high
    else:
        bottom = first if query.cursor is None else max(first, query.cursor + 1)
        for low in range(bottom, last + 1, WINDOW):
            yield low, min(last, low + WINDOW - 1)


def _in_window(db: sqlite3.Connection, query: Query, low: int, high: int, limit: int) -> sqlite3.Cursor:
    where, values = _where(query)
    order = "DESC" if query.newest_first else "ASC"
    return db.execute(
        f"SELECT arrival, text FROM events WHERE arrival BETWEEN ? AND ?{where} ORDER BY arrival {order} LIMIT ?",  # noqa: S608 - all parts are constants of this module, values are bound
        (low, high, *values, limit),
    )


def _where(query: Query) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for name, condition in _CONDITIONS.items():
        value = getattr(query, name)
        if name == "container" and value == "":
            parts.append("container IS NULL")
        elif value is not None:
            parts.append(condition)
            values += [_in_column(value) if isinstance(value, int) else value] * condition.count("?")
    if query.kinds:
        parts.append(f"kind IN ({', '.join('?' * len(query.kinds))})")
        values += query.kinds
    words, patterns = having("text", query.text)
    return "".join(f" AND {part}" for part in parts) + words, values + patterns


def having(column: str, text: str | None) -> tuple[str, list[str]]:
    """Conditions that each word of the text is somewhere in a column of JSON, each after an AND; and their values."""
    parts, values = [], []
    for word in _words(text or ""):
        patterns = _patterns(word)
        parts.append(" AND (" + " OR ".join([f"{column} LIKE ? ESCAPE '\\'"] * len(patterns)) + ")")
        values += patterns
    return "".join(parts), values


def _words(text: str) -> Iterator[str]:
    """What stands between blanks; an address with its port is two words, which events have in fields of their own."""
    for word in text.split():
        endpoint = _ENDPOINT.fullmatch(word)
        yield from filter(None, endpoint.groups()) if endpoint else (word,)


def _in_column(number: int) -> int:
    """The nearest that a column can hold: times are asked for from the year 1 on."""
    return max(-LARGEST, min(number, LARGEST))


def _patterns(word: str) -> list[str]:
    """LIKE patterns for a word as given, and as it stands inside a JSON string (quotes and controls escaped)."""
    forms = {json.dumps(word, ensure_ascii=False)[1:-1]}
    if min(word) >= " ":  # JSON holds no bare control character, and LIKE would end at a NUL
        forms.add(word)
    escaped = (form.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for form in sorted(forms))
    return [f"%{form}%" for form in escaped]
