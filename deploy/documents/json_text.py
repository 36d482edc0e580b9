"""JSON documents (RFC 8259): order and white space are kept, duplicate keys refused."""

import json
import re
from typing import Any

from deploy.documents.errors import MalformedDocument
from deploy.documents.weave import weave

_TOKEN = re.compile(r"""\s*(?:"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+)""")
_LONE = re.compile("[\ud800-\udfff]")
"""Half of a character, which JSON can have as `\\ud800`, and UTF-8 cannot."""
_INDENT = re.compile(r"^[{\[]\n([ \t]+)\S")


class _Duplicate(Exception):
    """A key that stands twice in one object."""


class _NoJson(Exception):
    """NaN and its like, which Python would take."""


def as_it_is(value: Any) -> Any:
    """What JSON needs to have a value of ours put in."""
    return value


def object_in(text: object) -> dict[str, Any] | None:
    """The object that a text is as JSON; None for all else."""
    if not isinstance(text, str):
        return None
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


class JsonText:
    """One JSON document. `data` is there to be changed in place, `text` writes it."""

    def __init__(self, text: str) -> None:
        """Raises `MalformedDocument`."""
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._original = text = text.replace("\r\n", "\n")  # a text in JSON has no newline of its own
        self.data: Any = _parsed(text)
        found = _INDENT.match(text.lstrip())
        self._indent: str | int = found[1] if found else 2
        self._before = self._dumped(self.data)

    def text(self, data: Any) -> str:
        """`data`, which is `self.data` or a part of it, as text."""
        after = self._dumped(data)
        woven = weave(_TOKEN.findall(self._original), _TOKEN.findall(self._before), _TOKEN.findall(after))
        if woven is None or self._dumped(json.loads(woven)) != after:
            woven = after
        return (woven + self._original[len(self._original.rstrip()) :]).replace("\n", self._newline)

    def _dumped(self, data: Any) -> str:
        text = json.dumps(data, indent=self._indent, ensure_ascii=False)
        return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise MalformedDocument(f"no JSON: {error.msg} (column {error.colno})", error.lineno) from error
    except _Duplicate as error:
        key = json.dumps(error.args[0])
        twice = [
            number for number, line in enumerate(text.splitlines(), 1) if re.search(re.escape(key) + r"\s*:", line)
        ]
        raise MalformedDocument(
            f"no JSON: the key {key[:80]} stands twice in an object", twice[0] if len(twice) == 1 else None
        ) from error
    except _NoJson as error:
        raise MalformedDocument(f"no JSON: {error.args[0]} is no number") from error
    except RecursionError as error:
        raise MalformedDocument("no JSON that can be read: nested too deeply") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise MalformedDocument(f"no JSON that can be read: {error}"[:200]) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Duplicate(key)
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise _NoJson(name)
