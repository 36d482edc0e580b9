"""Files of rules as YAML documents, with the lines that their keys stand in. Whatever is in a file, it ends in time."""

import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from sigma.exceptions import SigmaError
from sigma.rule.base import SigmaYAMLLoader, check_alias_expansion

from sensor.detect.compact import Problem

SUFFIXES = (".yml", ".yaml")
CASES = ".cases.yml"
"""What files of cases end with; they hold no rules."""

MOST_FILE_BYTES = 4 * 1024 * 1024
MOST_FILES = 20_000
QUOTED = re.compile(r"'([^']{2,100})'")
DEEPEST = 60
"""Lists and maps within each other; a rule has about six."""


class _Loader(SigmaYAMLLoader):
    """Ends at what is nested too deep while it is read: libyaml's composer follows nesting down the C stack, where
    30,000 open brackets end the process with SIGSEGV. It calls these two around every node that is no alias.
    """

    _depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            too_deep = f"more than {DEEPEST} lists and maps within each other"
            raise yaml.MarkedYAMLError(problem=too_deep, problem_mark=parent.start_mark if parent else None)
        super().descend_resolver(parent, index)

    def ascend_resolver(self) -> None:
        self._depth -= 1
        super().ascend_resolver()


class Document(NamedTuple):
    """One YAML document: its content, its file, and the line (from 1) of the document, its keys and its values."""

    content: dict[str, Any]
    path: str
    line: int
    lines: dict[str, int]
    values: dict[str, int]

    def at(self, *keys: str) -> str:
        """`file:line` of the first of these keys that it has, else of its beginning."""
        return f"{self.path}:{next((self.lines[key] for key in keys if key in self.lines), self.line)}"

    def place_of(self, text: str) -> str:
        """`file:line` of what a message quotes, a value or a part of a key, or else of a key that it names."""
        for quoted in QUOTED.findall(text):
            if quoted in self.values:
                return f"{self.path}:{self.values[quoted]}"
            if found := [line for key, line in self.lines.items() if quoted in key]:
                return f"{self.path}:{found[0]}"
        named = [key for key in self.lines if len(key) > 2 and key in text]
        return self.at(*sorted(named, key=len, reverse=True))


def rule_files(paths: Iterable[Path]) -> Iterator[Path | Problem]:
    """The files of rules below the paths, in their order; a path that is none is a problem, and so is a directory that
    cannot be read."""
    count = 0
    for path in paths:
        for found in _at(path):
            count += isinstance(found, Path)
            if count > MOST_FILES:
                yield Problem(str(path), f"more than {MOST_FILES:,} files: the rest is not read")
                return
            yield found


def _at(path: Path) -> Iterable[Path | Problem]:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return [Problem(str(path), "no such file or directory")]
    except OSError as error:
        return [_cannot_read(str(path), error)]
    return _below(path) if is_folder else [path]


def _below(top: Path) -> list[Path | Problem]:
    """Hidden folders are left out: Kubernetes keeps the versions of a mounted volume in them, and links to one."""
    files: list[Path] = []
    failed: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found = (Path(folder, name) for name in names if not name.startswith(".") and not name.endswith(CASES))
        files += [path for path in found if path.suffix in SUFFIXES and _may_be_read(path)]
    return [*(_cannot_read(str(error.filename), error) for error in failed), *sorted(files)]


def _may_be_read(path: Path) -> bool:
    """No link to nothing and no pipe, which would never end; where it cannot be told, reading it tells why."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def documents(path: Path, shown: str | None = None) -> Iterator[Document | Problem]:
    """The documents of a file, `shown` under that name; what is none is a problem."""
    name = shown or str(path)
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            yield Problem(name, f"larger than {MOST_FILE_BYTES >> 20} MiB")
            return
        yield from parsed(path.read_bytes(), name)
    except OSError as error:
        yield _cannot_read(name, error)


def _cannot_read(name: str, error: OSError) -> Problem:
    return Problem(name, f"cannot be read: {error.strerror}")


def parsed(data: bytes, name: str) -> Iterator[Document | Problem]:
    """The documents of these bytes."""
    try:
        loader = _Loader(data)
    except (yaml.YAMLError, UnicodeError) as error:
        yield _unreadable(name, error)
        return
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield _document(loader, node, name)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield _unreadable(name, error)
    finally:
        loader.dispose()


def _document(loader: SigmaYAMLLoader, node: yaml.Node, name: str) -> Document | Problem:
    line = node.start_mark.line + 1
    try:
        content = loader.construct_document(node)
        check_alias_expansion(content)
    except (yaml.YAMLError, SigmaError, ValueError, TypeError, RecursionError) as error:
        return _unreadable(name, error, line)
    if not isinstance(content, dict):
        return Problem(f"{name}:{line}", f"expected a map with a rule, got {type(content).__name__}")
    plain = {str(key): value for key, value in content.items()}
    return Document(plain, name, line, *_lines(node))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _lines(document: yaml.Node) -> tuple[dict[str, int], dict[str, int]]:
    """The lines of keys and of other texts, where each comes first."""
    lines: dict[str, int] = {}
    values: dict[str, int] = {}
    waiting, seen = deque([document]), {id(document)}
    while waiting:
        node = waiting.popleft()
        if isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    lines.setdefault(key.value, key.start_mark.line + 1)
        elif isinstance(node, yaml.ScalarNode):
            values.setdefault(node.value, node.start_mark.line + 1)
        fresh = [child for child in _children(node) if id(child) not in seen]
        seen.update(map(id, fresh))
        waiting.extend(fresh)
    return lines, values


def _unreadable(name: str, error: Exception, line: int | None = None) -> Problem:
    """At the place that the error tells, or else in the document of that line."""
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else line
    where = name if line is None else f"{name}:{line}"
    text = getattr(error, "problem", None) or str(error) or type(error).__name__
    return Problem(where, " ".join(f"not readable as YAML: {text}".split())[:300])
