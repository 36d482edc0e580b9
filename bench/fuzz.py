"""Fuzzes the decoders of what others send: DNS messages, DNS over TCP, and netlink, each for a share of the time.

Prints how often each ran and what it found: an exception, text that is not printable, more than is to be kept, an input
of more than a second. Exits 1 where something was found, 2 where nothing could be fuzzed. Run by `make fuzz`.
"""

import argparse
import importlib.util
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from fuzz_targets import TARGETS
from tables import table

HERE = Path(__file__).resolve().parent
SLOW_S = 1
MEMORY_MB = 512
_RUNS = re.compile(r"(?:Done (\d+) runs|#(\d+)\s)")
_COVERAGE = re.compile(r"cov: (\d+)")


class Found(NamedTuple):
    """One target's run: how often it was called, what it covered, and the report of what went wrong."""

    target: str
    runs: int
    coverage: int
    wrong: str | None


def fuzz(target: str, seconds: int) -> Found:
    """One target in a process of its own, which atheris ends by itself, or where it finds something."""
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place, "corpus")
        corpus.mkdir()
        for n, seed in enumerate(TARGETS[target].seeds()):
            corpus.joinpath(f"seed-{n}").write_bytes(seed)
        limits = [f"-max_total_time={seconds}", f"-timeout={SLOW_S}", f"-rss_limit_mb={MEMORY_MB}", "-max_len=4096"]
        command = [
            sys.executable,
            str(HERE / "fuzz_targets.py"),
            target,
            *limits,
            f"-artifact_prefix={place}/",
            str(corpus),
        ]
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        inputs = [path for path in Path(place).iterdir() if path.is_file()]
        return _read(target, ran, inputs)


def _read(target: str, ran: subprocess.CompletedProcess[str], inputs: list[Path]) -> Found:
    output = ran.stdout + ran.stderr
    counts = [int(a or b) for a, b in _RUNS.findall(output)]
    covered = [int(edges) for edges in _COVERAGE.findall(output)]
    wrong = None
    if ran.returncode or inputs:
        shown = "\n".join(f"input: {path.read_bytes().hex()}" for path in inputs)
        wrong = f"exit {ran.returncode}\n{_tail(output)}\n{shown}"
    return Found(target, max(counts, default=0), max(covered, default=0), wrong)


def _tail(output: str) -> str:
    """The exception where there is one, else the last lines."""
    begin = output.find("Traceback")
    return output[begin:].partition("\n\n")[0] if begin >= 0 else "\n".join(output.splitlines()[-15:])


def main() -> int:
    """Fuzz what was asked for, all by default, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=60, help="for all targets together (60)")
    arguments.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="what to fuzz (all)")
    given = arguments.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print(f"atheris is not installed for Python {platform.python_version()}: nothing was fuzzed", file=sys.stderr)
        return 2
    names = given.targets or list(TARGETS)
    found = [fuzz(name, max(1, given.seconds // len(names))) for name in names]
    rows = [
        (one.target, f"{one.runs:,}", str(one.coverage), "nothing" if one.wrong is None else "see below")
        for one in found
    ]
    print(table(("target", "runs", "edges covered", "found"), rows))
    for one in found:
        if one.wrong is not None:
            print(f"\n{one.target}: {one.wrong}")
    if not all(one.runs for one in found):
        print("a target did not run at all", file=sys.stderr)
        return 2
    return 1 if any(one.wrong for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
