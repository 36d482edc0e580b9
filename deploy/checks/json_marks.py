"""Lines for JSON, which the standard library's decoder does not keep: a second look, made where a line is asked for."""

import json
import re

from deploy.checks.marks import Mark

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++|\n', re.DOTALL)


class _Scan:
    """Follows the tokens with the collections that are open; iterative, so that nesting costs no stack."""

    def __init__(self) -> None:
        self.root: Mark | None = None
        self._open: list[Mark] = []
        self._keys: list[tuple[str, int] | None] = []
        self._is_object: list[bool] = []

    def take(self, word: str, line: int) -> None:
        """One token that is no separator."""
        if word in ("}", "]"):
            for stack in (self._open, self._keys, self._is_object):
                stack.pop()
        elif self._is_object and self._is_object[-1] and self._keys[-1] is None:
            self._keys[-1] = json.loads(word), line
        else:
            self._value(word, line)

    def _value(self, word: str, line: int) -> None:
        mark = Mark(line, {})
        if not self._open:
            self.root = self.root or mark
        elif (key := self._keys[-1]) is not None:
            mark = Mark(key[1], mark.inner)
            self._open[-1].inner[key[0]] = mark
            self._keys[-1] = None
        else:
            around = self._open[-1].inner
            around[len(around)] = mark
        if word in ("{", "["):
            self._open.append(mark)
            self._keys.append(None)
            self._is_object.append(word == "{")


def json_marks(text: str) -> Mark:
    """The marks of a text that `json.loads` has taken."""
    scan, line = _Scan(), 1
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word == "\n":
            line += 1
        elif word not in (",", ":"):
            scan.take(word, line)
            line += word.count("\n")
    return scan.root or Mark(1, {})
