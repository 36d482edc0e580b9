"""Which files are looked at."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.checks.problems import Problem

SUFFIXES = (".json", ".yaml", ".yml", ".template")
RENDER = "templates of a chart are no manifests yet; check what `helm template` makes of them"
SKIPPED = frozenset({"node_modules", "__pycache__", "venv"})


def files_in(paths: Iterable[Path]) -> Iterator[Path | Problem]:
    """Files as they are named, and those of directories that may be ours, in the order of their names.

    Hidden directories are left out, and so are the unrendered templates of a chart: text with holes in it
    is no YAML until `helm template` has filled them. A chart is told, since what it makes was not checked.
    """
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        else:
            yield path


def _below(top: Path) -> Iterator[Path | Problem]:
    for folder, folders, names in os.walk(top):
        chart = "Chart.yaml" in names and "templates" in folders
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in SKIPPED and not (chart and f == "templates"))
        if chart:
            yield Problem(str(Path(folder, "templates")), None, f"not checked: {RENDER}")
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(SUFFIXES))
