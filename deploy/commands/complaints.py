"""Why a command does nothing, and how it says so."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


class CannotDo(Exception):
    """Lines that say why nothing is done, and the exit code: 1 when it cannot be, 2 for wrong usage."""

    def __init__(self, lines: Sequence[str], code: int = 1) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)
        self.code = code


class Parser(argparse.ArgumentParser):
    """One line says what is wrong. Descriptions are printed as they are written, and no option may be cut short."""

    def __init__(self, *, prog: str, description: str, epilog: str, **more: Any) -> None:
        more |= {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
        super().__init__(prog=prog, description=description, epilog=epilog, **more)

    def error(self, message: str) -> NoReturn:
        """Ends the process with code 2."""
        program = " ".join(self.prog.split()[:2])
        sys.stderr.write(f"{program}: {message}; see {self.prog} --help\n")
        raise SystemExit(2)


def say(program: str, lines: Iterable[str]) -> None:
    """Lines to standard error, each with the command's name before it."""
    sys.stderr.writelines(f"{program}: {line}\n" for line in lines)
