"""What users add to the watch list and take from it: globs, the latter with a `!` before them.

In a glob `*` and `?` stand for characters of one name and `[…]` for one of them. `**` is any number of directories; in
what is added it may only stand at the end, where it means further levels below.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence

from collectors.watch_list import DEFAULT, Entry
from sensor.model.errors import WrongConfiguration

LONGEST_PATH = 4095
"""PATH_MAX without its NUL (include/uapi/linux/limits.h)."""

DEPTH = 3
"""How many levels below a configured directory belong to it."""
DEEP = 8
"""The same where the glob ends in `**`."""

REMOVES = "!"
CONFIGURED = "configured"

Removed = Callable[[bytes], bool]
"""Whether a path in a container is taken from the list."""

_TOKEN = re.compile(rb"\[(!?)(\]?[^\]]*)\]|(\*)|(\?)|([^*?\[]+|\[)", re.DOTALL)


def watch_list(paths: Sequence[str] = ()) -> tuple[Entry, ...]:
    """The whole list, what was added first. Raises WrongConfiguration, naming all paths that are none."""
    problems = [problem for path in paths if (problem := _problem(path))]
    if problems:
        raise WrongConfiguration(problems)
    added = [_plain(path) for path in paths if not path.startswith(REMOVES)]
    return (*(entry for path in added for entry in _entries(path)), *DEFAULT)


def removed(paths: Iterable[str]) -> Removed:
    """Whether a path, or a directory above it, matches a glob with a `!`."""
    globs = [_regex(_plain(path[len(REMOVES) :])) for path in paths if path.startswith(REMOVES)]
    if not globs:
        return lambda _: False
    matches = re.compile(b"|".join(globs) + rb"(?:/.*)?", re.DOTALL).fullmatch
    return lambda path: matches(path) is not None


def _entries(path: bytes) -> tuple[Entry, ...]:
    """What is added may be directories or files: the first with what is below them, the second where they are."""
    depth = DEPTH
    if path.endswith(b"/**"):
        path, depth = path[:-3], DEEP
    directory, _, name = path.rpartition(b"/")
    return Entry(path, CONFIGURED, depth=depth), Entry(directory or b"/", CONFIGURED, pattern=name)


def _regex(glob: bytes) -> bytes:
    parts = [rb"(?:/[^/]+)*" if part == b"**" else b"/" + _component(part) for part in glob[1:].split(b"/")]
    return b"(?:" + b"".join(parts) + b")"


def _component(part: bytes) -> bytes:
    return b"".join(map(_token, _TOKEN.finditer(part)))


def _token(found: "re.Match[bytes]") -> bytes:
    inverse, characters, star, any_one, plain = found.groups()
    if star:
        return b"[^/]*"
    if any_one:
        return b"[^/]"
    if plain:
        return re.escape(plain)
    inside = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", characters or b"")
    return (b"[^/" if inverse else b"[") + inside + b"]" if inside else re.escape(found[0])


def _plain(path: str) -> bytes:
    return b"/" + b"/".join(part for part in os.fsencode(path).split(b"/") if part)


def _problem(path: str) -> str | None:
    removes = path.startswith(REMOVES)
    glob = path[len(REMOVES) :] if removes else path
    if not glob.startswith("/"):
        return f"file_paths: {path!r} is not absolute"
    parts = glob.split("/")
    if ".." in parts or "." in parts or "\0" in glob:
        return f"file_paths: {path!r} is not a plain path"
    plain = _plain(glob)
    if plain in (b"/", b"/**"):
        return "file_paths: the root itself is neither watched nor removed; name directories in it"
    if len(plain) > LONGEST_PATH:
        return f"file_paths: {path[:40]!r}… is longer than any path"
    if not removes and b"**" in plain.removesuffix(b"/**").split(b"/"):
        return f"file_paths: {path!r}: `**` may only stand at the end of what is added"
    try:
        re.compile(_regex(plain))
    except re.error:
        return f"file_paths: {path!r} is no glob"
    return None
