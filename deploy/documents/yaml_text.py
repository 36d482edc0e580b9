"""YAML documents: tags, comments, quotes, anchors and the author's white space are kept (ruamel.yaml's round trip)."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from deploy.documents.alignment import Aligned, aligned, fitted
from deploy.documents.errors import MalformedDocument
from deploy.documents.weave import weave
from deploy.documents.yaml_emitter import Emitter

_LIST = r"^( *)(?:- +)?{}:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*( *)-( +)"
_LISTS = [
    re.compile(_LIST.format(key), re.MULTILINE | re.IGNORECASE)
    for key in ("(?:ContainerDefinitions|containers)", r"\w+")
]
_NESTED = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*(?:#.*)?\n(?=(?:[ \t]*(?:#.*)?\n)*\1( +)[^\s#-])", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./:-]*[A-Za-z0-9_/])?")
_SPECIAL = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Plain words that YAML 1.1, which CloudFormation reads, takes for something else than text."""


class YamlText:
    """One YAML document. `data` is there to be changed in place, `text` writes it."""

    def __init__(self, text: str) -> None:
        """Raises `MalformedDocument`."""
        self._newline = "\r\n" if "\r\n" in text else "\n"
        text = text.replace("\r\n", "\n")
        self._original = text if text.endswith("\n") else text + "\n"
        self._indents = _indents(self._original)
        self.data: Any = self._loaded(self._original)
        self._before = self._dumped(self.data)

    def text(self, data: Any) -> str:
        """`data`, which is `self.data` or a part of it, as text."""
        after = self._dumped(data)
        before = _lines(self._before)
        for pieces, blocks in (aligned(_lines(self._original), before), Aligned(before, [])):
            fit = partial(fitted, pieces=pieces, before=before)
            woven = weave(pieces, before, _lines(after), _is_comment, blocks, fit)
            if woven is not None and self._says_the_same(woven, after):
                return woven.replace("\n", self._newline)
        return after.replace("\n", self._newline)

    def _says_the_same(self, woven: str, after: str) -> bool:
        try:
            return same(self._loaded(woven), self._loaded(after))
        except MalformedDocument:
            return False

    def _loaded(self, text: str) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about styles of the author's, which are kept
                return self._yaml().load(text)
        except MarkedYAMLError as error:
            raise MalformedDocument(f"no YAML: {_reason(error)}", _line(error, text)) from error
        except RecursionError as error:
            raise MalformedDocument("no YAML that can be read: nested too deeply") from error
        except (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
            # the reader lets errors of its parts through where a scalar is odd, such as a month 13
            raise MalformedDocument(f"no YAML that can be read: {str(error).splitlines()[:1]}"[:200]) from error

    def _dumped(self, data: Any) -> str:
        out = io.StringIO()
        self._yaml().dump(data, out)
        if not isinstance(data, list):
            return out.getvalue()
        return re.sub(rf"^ {{{self._indents['offset']}}}", "", out.getvalue(), flags=re.MULTILINE)  # the root has none

    def _yaml(self) -> YAML:
        yaml = YAML()
        yaml.Emitter = Emitter
        yaml.preserve_quotes = True
        yaml.width = 1 << 20
        yaml.indent(**self._indents)
        yaml.explicit_start = self._original.startswith("---")
        return yaml


def same(one: Any, other: Any, seen: set[tuple[int, int]] | None = None) -> bool:
    """Whether two documents say the same, tags included. Each pair of nodes is compared once, however often it is
    referred to: aliases can make a small text a huge tree."""
    seen = set() if seen is None else seen
    if (id(one), id(other)) in seen:
        return True
    if _tag(one) != _tag(other):
        return False
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        seen.add((id(one), id(other)))
        return list(one) == list(other) and all(same(one[key], other[key], seen) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        seen.add((id(one), id(other)))
        return len(one) == len(other) and all(same(a, b, seen) for a, b in zip(one, other, strict=True))
    value, another = getattr(one, "value", one), getattr(other, "value", other)
    alike = isinstance(value, str) and isinstance(another, str)  # however each of them is quoted
    return (alike or type(value) is type(another)) and bool(value == another)


def _tag(node: Any) -> str | None:
    tag = getattr(node, "tag", None)
    value = getattr(tag, "value", None)
    return value if isinstance(value, str) else None


def nodes(value: Any) -> Any:
    """What we made ourselves as the reader's own nodes; texts are quoted where YAML 1.1 may misread them."""
    if type(value) is dict:
        return CommentedMap((key, nodes(one)) for key, one in value.items())
    if type(value) is list:
        return CommentedSeq(nodes(one) for one in value)
    if type(value) is str:
        return value if _PLAIN.fullmatch(value) and value.lower() not in _SPECIAL else DoubleQuotedScalarString(value)
    return value


def _indents(text: str) -> dict[str, int]:
    """The author's: of the containers' list, and of most mappings within another."""
    nested = Counter(len(found[2]) for found in _NESTED.finditer(text)).most_common(1)
    found = next((found for each in _LISTS if (found := each.search(text))), None)
    offset = max(len(found[2]) - len(found[1]), 0) if found else 2
    width = len(found[3]) if found else 1
    return {"mapping": nested[0][0] if nested else 2, "sequence": offset + 1 + width, "offset": offset}


def _lines(text: str) -> list[str]:
    """By newlines only, as YAML has them; `str.splitlines` knows more."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _is_comment(piece: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in piece.split("\n"))


def _reason(error: MarkedYAMLError) -> str:
    parts = (error.context, error.problem)
    return ", ".join(" ".join(part.split()) for part in parts if part)[:200] or "it cannot be read"


def _line(error: MarkedYAMLError, text: str) -> int | None:
    """The line of the error; the last one where the end of the text is meant."""
    mark = error.problem_mark or error.context_mark
    return min(mark.line + 1, text.count("\n")) if mark is not None else None
