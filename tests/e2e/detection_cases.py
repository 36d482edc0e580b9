"""The cases of the rules that ship, as shell lines that an app container runs one after the other."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab import PROJECT

from sensor.sigma.cases import Case, cases_beside
from sensor.sigma.compiler import compile_paths
from sensor.sigma.documents import rule_files

RULES = PROJECT / "rules"

STAND_IN = """
stand_in() {
  name=$1; shift
  cp "$(command -v python3)" "/usr/local/sbin/$name"
  {
    dd if=/dev/zero bs=65536 count=1 status=none
    timeout 2 "/usr/local/sbin/$name" "$@" </dev/null 2>&1
  } | sleep 0.15
  rm "/usr/local/sbin/$name"
}
"""
"""What is not in the base image is played by a copy of Python under that name, which has the arguments and does
nothing with them: real is then the exec that the kernel shows, not the tool's work.

The tool would live for more than the millisecond in which Python finds an argument wrong and says so. What it says goes
to a pipe that is full, so it stays until the pipe's reader ends.
"""


class Live(NamedTuple):
    """One case that can be made to happen: the rule's id and file, whether it fires, and the shell line."""

    rule: str
    name: str
    fires: bool
    run: str

    @property
    def shell(self) -> str:
        """A script of its own, so that no line sees another's."""
        return f"{STAND_IN}\n{self.run}\n"


def live_cases() -> Iterator[Live]:
    """All that have a `run`."""
    ids = {rule.source.partition(":")[0]: rule.id for rule in compile_paths([RULES], below=RULES).rules}
    for path in rule_files([RULES]):
        if not isinstance(path, Path):
            continue
        for case in cases_beside(path):
            if isinstance(case, Case) and case.run is not None:
                yield Live(ids[path.name], path.stem, case.fires, case.run)
