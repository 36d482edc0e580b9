"""How long `fargate-sensor check` takes for a thousand files, its start included.

The files of tests/data/checks and tests/data/task_definitions (task definitions, templates, plans, manifests), each
written as often as it takes under names of its own, in one tree of directories. The command runs as a process of its
own, as people run it; of several rounds all are printed.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from host import host

DATA = Path(__file__).parents[1] / "tests/data"
SOURCES = ("checks/good", "checks/bad", "task_definitions")
COMMAND = Path(sys.executable).with_name("fargate-sensor")
A_FOLDER = 50
"""Files in a directory."""


def main() -> None:
    """Print what was checked, the time of each round, and the machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        size, kinds = write(Path(folder), options.files)
        print(f"{options.files} files of {size / 1e6:.1f} MB: " + ", ".join(f"{n} {k}" for k, n in kinds.items()))
        for form in ("text", "sarif"):
            rounds = [timed(folder, form) for _ in range(options.rounds)]
            print(f"as {form}: " + ", ".join(f"{seconds:.2f} s" for seconds in rounds))
        result = json.loads(run(folder, "json").stdout)
    found = Counter(finding["severity"] for finding in result["findings"])
    print(f"{result['subjects']} tasks, pods, services and policies; {len(result['findings'])} findings: {dict(found)}")
    print(f"{len(result['problems'])} problems, {result['undecided']} questions left open")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"at most {peak:.0f} MiB resident")
    print(f"{host()}, Python {platform.python_version()}")


def write(folder: Path, files: int) -> tuple[int, Counter[str]]:
    """The tree: its bytes, and how many files of each ending."""
    size, kinds = 0, Counter[str]()
    for number, source in zip(range(files), endlessly(), strict=False):
        into = folder / f"{number // A_FOLDER:03}"
        into.mkdir(exist_ok=True)
        size += (into / f"{number:05}-{source.name}").write_bytes(source.read_bytes())
        kinds[source.suffix] += 1
    return size, kinds


def endlessly() -> Iterator[Path]:
    """The sources, again and again."""
    sources = [file for name in SOURCES for file in sorted((DATA / name).iterdir())]
    while True:
        yield from sources


def timed(folder: str, form: str) -> float:
    """Seconds from the start of the command to its end."""
    begin = time.perf_counter()
    run(folder, form)
    return time.perf_counter() - begin


def run(folder: str, form: str) -> subprocess.CompletedProcess[str]:
    """The command; it has to end with findings, which are there."""
    command = [str(COMMAND), "check", "--format", form, folder]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 1:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr}")
    return ended


if __name__ == "__main__":
    main()
