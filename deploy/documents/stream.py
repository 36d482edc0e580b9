"""A text with several documents: YAML with `---` and `...` between them (YAML 1.2, 9.2), or JSON one after another.

Only documents that were changed are written anew; the others, and what stands between them, stay as they are.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from typing import Any

from deploy.documents.errors import MalformedDocument
from deploy.documents.json_text import JsonText, as_it_is
from deploy.documents.text import decoded

_MARKER = re.compile(r"^(?:---|\.\.\.)(?=\s|\Z)", re.MULTILINE)
"""At the beginning of a line it ends a document wherever it stands, in a block of text too."""
_ALONE = re.compile(r"(?:---|\.\.\.)[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_SPACE = re.compile(r"\s*")


class Part:
    """One document of the text, and what stands before it. `data` is None where there is none: comments, a marker.

    `data` is there to be changed in place; `changed` has to be set then. `node` makes a value of ours one of its nodes.
    """

    def __init__(self, before: str, text: str, line: int) -> None:
        """`line` is that of `text` in the whole. Raises `MalformedDocument`."""
        self.before, self.text, self.line = before, text, line
        self.changed = False
        self.data: Any = None
        self.node: Callable[[Any], Any] = as_it_is
        self._write: Callable[[Any], str] | None = None
        if not _is_nothing(text):
            self._read()

    def written(self) -> str:
        """The part as it is now."""
        return self.rewritten(self.data) if self.changed else self.before + self.text

    def rewritten(self, data: Any) -> str:
        """The part with `data`, which is its own or a part of that."""
        return self.before + (self._write(data) if self._write is not None else self.text)

    @property
    def marker_line(self) -> int:
        """The line of the marker that begins it, its own where there is none."""
        return self.line - self.before.count("\n")

    def _read(self) -> None:
        try:
            if self.text.lstrip()[:1] in ("{", "[") and self._is_json():
                return
            from deploy.documents.yaml_text import YamlText, nodes  # ruamel.yaml is loaded for YAML only

            yaml_text = YamlText(self.text)
            self.data, self._write, self.node = yaml_text.data, yaml_text.text, nodes
        except MalformedDocument as error:
            raise error.moved(self.line - 1) from error

    def _is_json(self) -> bool:
        """What begins like JSON may be YAML's flow style, but only where it is no JSON at all."""
        try:
            json.loads(self.text)
        except RecursionError as error:
            raise MalformedDocument("no JSON that can be read: nested too deeply") from error
        except ValueError:
            return False
        json_text = JsonText(self.text)
        self.data, self._write = json_text.data, json_text.text
        return True


class Stream:
    """All documents of a text, in order."""

    def __init__(self, content: bytes) -> None:
        """Raises `MalformedDocument`, with the line in the whole text."""
        self.mark = "\ufeff" if content.startswith(BOM_UTF8) else ""
        self.original = decoded(content)
        self.parts = parts_of(self.original)

    def text(self) -> str:
        """The documents as they are now."""
        return self.mark + "".join(part.written() for part in self.parts)


def parts_of(text: str) -> list[Part]:
    """The documents of a text. Raises `MalformedDocument`, with the line in the whole text."""
    return [Part(*one) for one in (_json_parts(text) or _yaml_parts(text))]


def _is_nothing(text: str) -> bool:
    """Whether there are only comments, directives (`%YAML 1.2`) and empty lines."""
    return all(not line.strip() or line.lstrip().startswith("#") or line.startswith("%") for line in text.split("\n"))


def _yaml_parts(text: str) -> Iterator[tuple[str, str, int]]:
    """Each document with its marker before it. One that begins in the marker's line keeps it: `--- {kind: Pod}`."""
    starts = [found.start() for found in _MARKER.finditer(text)]
    line = 1
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        alone = _ALONE.match(text, start, end)
        begin = alone.end() if alone else start
        line += text.count("\n", start, begin)
        yield text[start:begin], text[begin:end], line
        line += text.count("\n", begin, end)


def _json_parts(text: str) -> list[tuple[str, str, int]]:
    """JSON documents one after another, as kubectl reads them; nothing where this is no such text, or only one."""
    found: list[tuple[str, str, int]] = []
    decoder, at = json.JSONDecoder(), 0
    if text.lstrip()[:1] != "{":
        return []
    while (begin := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr] # it matches everywhere
        try:
            _, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return []
        found.append((text[at:begin], text[begin:end], text.count("\n", 0, begin) + 1))
        at = end
    return [*found, (text[at:], "", 1)] if len(found) > 1 else []
