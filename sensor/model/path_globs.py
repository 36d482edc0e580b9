"""The globs by which users name files in containers: what is one, and what it matches.

`*` and `?` stand for characters of one name and `[…]` for one of them, `**` for any number of directories. A `!` before
a glob takes away what it matches, with all below.
"""

import os
import re
from collections.abc import Callable, Iterable

LONGEST_PATH = 4095
"""PATH_MAX without its NUL (include/uapi/linux/limits.h)."""

REMOVES = "!"

_TOKEN = re.compile(rb"\[(!?)(\]?[^\]]*)\]|(\*)|(\?)|([^*?\[]+|\[)", re.DOTALL)


def problem(text: str) -> str | None:
    """What is wrong with a glob, as the end of a sentence that began with the name of its setting; not the glob."""
    removes = text.startswith(REMOVES)
    glob = text.removeprefix(REMOVES)
    if not glob.startswith("/") or "\0" in glob:
        return "should be absolute paths"
    if {".", ".."}.intersection(glob.split("/")):
        return "should be plain paths without . and .."
    path = plain(glob)
    if path in (b"/", b"/**"):
        return "should name directories in the root, not the root itself"
    if len(path) > LONGEST_PATH:
        return "should be no longer than a path can be"
    if not removes and b"**" in path.removesuffix(b"/**").split(b"/"):
        return "should have ** only at the end"
    try:
        re.compile(_regex(path))
    except re.error:
        return "should be globs"
    return None


def plain(glob: str) -> bytes:
    """The bytes of a glob, with one slash between two names and none at the end."""
    return b"/" + b"/".join(part for part in os.fsencode(glob).split(b"/") if part)


def matcher(globs: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a path, or a directory above it, matches one of the globs, which have no `problem`."""
    regexes = [_regex(plain(glob)) for glob in globs]
    if not regexes:
        return lambda _: False
    matches = re.compile(b"(?:" + b"|".join(regexes) + rb")(?:/.*)?", re.DOTALL).fullmatch
    return lambda path: matches(path) is not None


def _regex(glob: bytes) -> bytes:
    parts = (rb"(?:/[^/]+)*" if part == b"**" else b"/" + _component(part) for part in glob[1:].split(b"/"))
    return b"".join(parts)


def _component(part: bytes) -> bytes:
    """What stands between two stars counts where it first stands, and is sought nowhere else: names are those of the
    container, and one that matches in the end nowhere would be tried in all ways."""
    first, *others = _between_stars(part)
    if not others:
        return first
    return first + b"".join(b"(?>[^/]*?" + one + b")" for one in others[:-1] if one) + b"[^/]*" + others[-1]


def _between_stars(part: bytes) -> list[bytes]:
    parts = [b""]
    for found in _TOKEN.finditer(part):
        if found[3]:
            parts.append(b"")
        else:
            parts[-1] += _token(found)
    return parts


def _token(found: "re.Match[bytes]") -> bytes:
    inverse, characters, _, any_one, literal = found.groups()
    if any_one:
        return b"[^/]"
    if literal:
        return re.escape(literal)
    inside = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", characters)
    return b"[" + (b"^/" if inverse else b"") + inside + b"]" if inside else re.escape(found[0])
