"""The documents of a file: JSON or YAML, each value with the line it stands on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

from deploy.checks.files import RENDER
from deploy.checks.json_marks import json_marks
from deploy.checks.marks import Mark, Path, line_at
from deploy.checks.problems import Note, Problem, Unreadable
from deploy.checks.yaml_events import yaml_documents

_GO_TEMPLATE = re.compile(r"\{\{-?\s*(?:[.$/(]|(?:if|else|end|range|with|define|block|include|template|toYaml)\b)")
_OURS = re.compile(
    rb"containerDefinitions|taskDefinition|portMappings|logConfiguration"
    rb"|AWS::(?:ECS|IAM)::|planned_values|terraform_version|apiVersion"
)
"""What no document that has something to check is without."""
LARGEST = 32 * 1024 * 1024
"""Bytes of a file. Plans of large estates have some ten millions."""
_ABSENT = "does not exist"


@dataclass(frozen=True)
class Document:
    """One document: `content` is made of dicts, lists, text, numbers, booleans and None."""

    file: str
    content: Any
    text: str = field(default="", repr=False)
    marks: Mark | None = field(default=None, repr=False)

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest around it."""
        return line_at(self._marks, path)

    @cached_property
    def _marks(self) -> Mark:
        return self.marks if self.marks is not None else json_marks(self.text)


def documents(file: FilePath) -> Iterator[Document | Problem]:
    """What is in a file; a file that cannot be read to its end yields what came before and one `Problem`."""
    name = str(file)
    try:
        yield from decoded(name, _read(file))
    except Unreadable as error:
        yield Problem(name, error.line, error.text)
    except OSError as error:
        yield Problem(name, None, f"cannot be read: {error.strerror or error}")


def come_upon(file: FilePath) -> Iterator[Document | Problem]:
    """The same for a file that nobody named: where it cannot be decoded and nothing in it is ours, that is a `Note`."""
    for one in documents(file):
        if isinstance(one, Problem) and not _may_be_ours(file):
            yield Note(one.file, one.line, f"not checked: {one.text}")
        else:
            yield one


def named_by(option: str, file: FilePath, mend: str = "") -> Iterator[Document | Problem]:
    """As `documents`, for a file that an option names: where it is not there that is told, and what would mend it."""
    how = f": {mend}" if mend else ""
    for one in documents(file):
        if isinstance(one, Problem) and one.text == _ABSENT:
            yield one._replace(text=f"{_ABSENT}, though {option} names it{how}")
        else:
            yield one


def decoded(name: str, data: bytes) -> Iterator[Document]:
    """The documents in the bytes of a file; raises `Unreadable`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, f"is no UTF-8 text: byte 0x{data[error.start]:02x}") from error
    if name.endswith(".json"):
        yield Document(name, _json(text), text)
    elif text.lstrip()[:1] in ("{", "[") and (content := _json_or_none(text)) is not None:
        yield Document(name, content, text)
    else:
        try:
            yield from (Document(name, content, marks=marks) for content, marks in yaml_documents(text))
        except Unreadable as error:
            if _GO_TEMPLATE.search(text) is None:
                raise
            raise Unreadable(error.line, f"{error.text}; {RENDER}") from error


def _may_be_ours(file: FilePath) -> bool:
    """Whether the text has a sign of what is checked, in UTF-16 too; a file that cannot be opened may have."""
    try:
        return _OURS.search(_begin(file).replace(b"\0", b"")) is not None
    except (Unreadable, OSError):
        return True


def _read(file: FilePath) -> bytes:
    data = _begin(file)
    if len(data) > LARGEST:
        raise Unreadable(None, f"is larger than {LARGEST // 1024 // 1024} MB and was not read")
    return data


def _begin(file: FilePath) -> bytes:
    """The bytes of a file; of one that is larger than the largest, a byte more than that."""
    if not file.is_file():
        raise Unreadable(None, "is no file" if file.exists() else _ABSENT)
    with file.open("rb") as stream:
        return stream.read(LARGEST + 1)


def _json(text: str) -> Any:
    if not text.strip():
        raise Unreadable(None, "is empty")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, f"no JSON: {error.msg}, column {error.colno}") from error
    except RecursionError as error:
        raise Unreadable(None, "no JSON: nested too deeply") from error
    except ValueError as error:  # a number of more digits than Python converts
        raise Unreadable(None, f"no JSON: {error}") from error


def _json_or_none(text: str) -> Any:
    """What begins like JSON may be YAML's flow style."""
    try:
        return _json(text)
    except Unreadable:
        return None
