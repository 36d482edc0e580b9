"""Which files are looked at."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from deploy.checks.problems import Note, Problem

SUFFIXES = (".json", ".yaml", ".yml", ".template")
RENDER = "templates of a chart are no manifests yet; check what `helm template` makes of them"
SKIPPED = frozenset({"node_modules", "__pycache__", "venv"})


class ComeUpon(NamedTuple):
    """A file that nobody named: it may be none of ours."""

    file: Path


def files_in(paths: Iterable[Path], *, pass_over: bool = False) -> Iterator[Path | ComeUpon | Problem]:
    """Files as they are named, and those of directories that may be ours, in the order of their names.

    Hidden directories are left out, and so are the unrendered templates of a chart: text with holes in it
    is no YAML until `helm template` has filled them. A chart is told, since what it makes was not checked.
    A directory that cannot be read is a problem.
    With `pass_over` named files are taken as those of a directory are.
    """
    told: set[Path] = set()
    for path in paths:
        if os.path.isdir(path):
            yield from _below(path)
        elif not pass_over:
            yield path
        elif (templates := _templates_around(path)) is None:
            yield ComeUpon(path)
        elif templates not in told:
            told.add(templates)
            yield _unrendered(templates)


def _templates_around(file: Path) -> Path | None:
    """The templates of a chart that the file is one of."""
    folders = (up for up in file.parents if up.name == "templates")
    return next((up for up in folders if up.with_name("Chart.yaml").is_file()), None)


def _unrendered(templates: Path) -> Note:
    return Note(str(templates), None, f"not checked: {RENDER}")


def _below(top: Path) -> Iterator[ComeUpon | Problem]:
    failed: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=failed.append):
        chart = "Chart.yaml" in names and "templates" in folders
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in SKIPPED and not (chart and f == "templates"))
        if chart:
            yield _unrendered(Path(folder, "templates"))
        yield from (ComeUpon(Path(folder, name)) for name in sorted(names) if name.endswith(SUFFIXES))
    for error in failed:
        yield Problem(str(error.filename), None, f"cannot be read: {error.strerror or error}")
