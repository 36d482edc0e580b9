"""Whether a process was started with arguments that name a file."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

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


def names_file(process: Process, path: str, *, opened: bool) -> bool:
    """Whether an argument is the path, from the root or the working directory, or a script that has it in its text; or
    the directory, beside an argument that ends in the same name; or, for programs that are known to go through
    directories, one above it.

    `opened`: the file was only opened, which readers do as well.
    """
    args = process.args or ()
    program = os.path.basename(args[0]) if args else ""
    if not opened and program in _READERS:
        return False
    directory, name = os.path.split(path)
    resolved = {os.path.normpath(os.path.join(process.cwd or "/", word)) for word in _words(args[1:])}
    if path in resolved or any(_in_text(path, word) for word in args[1:]):
        return True
    if directory in resolved and any(os.path.basename(word) == name for word in resolved):
        return True
    return program in _RECURSIVE and any(above != "/" and path.startswith(above + "/") for above in resolved)


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
