"""Whether a process was started with arguments that name a file."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from sensor.model.events import Process

_READERS = frozenset(
    {
        *("cat", "head", "tail", "less", "more", "grep", "egrep", "fgrep", "ls", "stat", "file", "wc", "diff", "cmp"),
        *("md5sum", "sha1sum", "sha256sum", "find", "test", "[", "readlink", "realpath", "inotifywait", "du"),
    }
)
"""Programs that change no file that they are given."""

_RECURSIVE = frozenset({"rm", "chmod", "chown", "chgrp", "tar", "unzip", "rsync", "cpio", "unsquashfs", "git"})
"""Programs that change what lies below a directory that they are given."""

_COPIERS = frozenset({"cp", "rsync", "install", "scp"})
"""Programs that change only what their last argument names."""

_CHANGES_MEMBERS = re.compile(r"--(extract|get|remove-files)|-[A-Za-z]*x[A-Za-z]*")
"""What makes tar change more than its archive."""
_NAMES_ARCHIVE = re.compile(r"--file|-[A-Za-z]*f")
_NAMES_PLACE = re.compile(r"--(directory|cd)(=.*)?|-[A-Za-z]*C.*")


def names_file(process: Process, path: str, *, opened: bool) -> bool:
    """Whether an argument is the path, from the root or the working directory, or a script that has it in its text; or
    the directory, beside an argument that ends in the same name; or, for programs that are known to go through
    directories, one above it.

    `opened`: the file was only opened, which readers do as well, and those that copy or pack.
    """
    args = process.args or ()
    program = os.path.basename(args[0]) if args else ""
    if not opened and program in _READERS:
        return False
    changed = args[1:] if opened else _changed(program, args[1:])
    directory, name = os.path.split(path)
    resolved = _resolved(process, changed)
    if path in resolved or any(_in_text(path, word) for word in changed):
        return True
    if directory in resolved and any(os.path.basename(word) == name for word in _resolved(process, args[1:])):
        return True
    return program in _RECURSIVE and any(above != "/" and path.startswith(above + "/") for above in resolved)


def _resolved(process: Process, args: Sequence[str]) -> set[str]:
    return {os.path.normpath(os.path.join(process.cwd or "/", word)) for word in _words(args)}


def _changed(program: str, args: Sequence[str]) -> Sequence[str]:
    """The arguments that may name what is changed: where a copy goes, what tar packs into, or where it unpacks."""
    if program in _COPIERS:
        told = pairwise(("", *args))
        into = [word for before, word in told if before == "-t" or word.startswith("--target-directory=")]
        return into if into and program != "rsync" else args[-1:]
    if program != "tar" or not args:
        return args
    args = (args[0] if args[0].startswith("-") else f"-{args[0]}", *args[1:])
    if not any(map(_CHANGES_MEMBERS.fullmatch, args)):
        return [word for before, word in pairwise(("", *args)) if _NAMES_ARCHIVE.fullmatch(before) or "--file=" in word]
    return args if any(map(_NAMES_PLACE.fullmatch, args)) else (*args, ".")


def _words(args: Sequence[str]) -> Iterator[str]:
    """Each argument, and what stands behind the `=` of one."""
    for word in args:
        yield word
        if "=" in word:
            yield word.partition("=")[2]


def _in_text(path: str, word: str) -> bool:
    return len(word) > len(path) and path in word and _alone(path).search(word) is not None


@lru_cache(64)
def _alone(path: str) -> re.Pattern[str]:
    """The path where it is not a part of another one."""
    return re.compile(rf"(?<![\w./-]){re.escape(path)}(?![\w/-]|\.\w)")
