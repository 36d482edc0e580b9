"""Command line options of the commands that a person runs: one line says what is wrong."""

import argparse
import math
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An `argparse` parser without abbreviations, with an example in its help, and a one-line complaint."""

    def __init__(self, command: str, about: str, example: str) -> None:
        super().__init__(
            prog=f"fargate-sensor {command}",
            description=about,
            epilog=f"For example: {example}",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Exit with 2, the code of wrong usage."""
        sys.stderr.write(f"{self.prog}: {message}; see {self.prog} --help\n")
        raise SystemExit(2)

    def add_run_for(self) -> None:
        """`--for SECONDS`, as `run_for`."""
        self.add_argument("--for", dest="run_for", metavar="SECONDS", type=_seconds, help="end by itself after that")


def port(text: str) -> int:
    """The number of a TCP port, as the `type` of an option."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{ascii(text)[:40]} is no port number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{ascii(text)[:40]} is no number of seconds")
    return value
