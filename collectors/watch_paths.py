"""The watch list with what users add to it, and what they take from it (`sensor.model.path_globs`)."""

from collections.abc import Callable, Iterable, Sequence

from collectors.watch_list import DEFAULT, Entry
from collectors.watch_plan import WILD
from sensor.model import path_globs
from sensor.model.errors import WrongConfiguration

DEPTH = 3
"""How many levels below a configured directory belong to it."""
DEEP = 8
"""The same where the glob ends in `**`."""

CONFIGURED = "configured"


def watch_list(paths: Sequence[str] = ()) -> tuple[Entry, ...]:
    """The whole list, what was added first. Raises WrongConfiguration, naming all paths that are none."""
    problems = [
        f"file_paths: {problem}, got {ascii(path)[:100]}" for path in paths if (problem := path_globs.problem(path))
    ]
    if problems:
        raise WrongConfiguration(problems)
    added = [path_globs.plain(path) for path in paths if not path.startswith(path_globs.REMOVES)]
    return (*(entry for path in added for entry in _entries(path)), *DEFAULT)


def removed(paths: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a path in a container is taken from the list."""
    taken = (path for path in paths if path.startswith(path_globs.REMOVES))
    return path_globs.matcher(path.removeprefix(path_globs.REMOVES) for path in taken)


def _entries(path: bytes) -> tuple[Entry, ...]:
    """What is added may be directories or files: the first with what is below them, the second where they are."""
    depth = DEPTH
    if path.endswith(b"/**"):
        path, depth = path[:-3], DEEP
    directory, _, name = path.rpartition(b"/")
    inodes = () if WILD.intersection(name) else (name,)  # a file that is named may be mounted there
    return Entry(path, CONFIGURED, depth=depth), Entry(directory or b"/", CONFIGURED, patterns=(name,), inodes=inodes)
