"""How pySigma checks regular expressions: with RE2, as they will run, and without a word on standard error."""

import re
from typing import cast

import re2
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine, RegexPattern

NOT_RE2 = "RE2 has no such expression"
"""What the error says of an expression that is right elsewhere."""


class Re2(RegexEngine):
    """An expression that only a backtracking engine takes is told from one that is wrong."""

    def compile(self, pattern: str, flags: int = 0) -> RegexPattern:  # noqa: ARG002  # as pySigma calls it
        """The pattern, compiled; flags make none right or wrong. Raises `re2.error`."""
        options = re2.Options()
        options.log_errors = False
        try:
            return cast(RegexPattern, re2.compile(pattern, options))
        except re2.error as error:
            if _is_sound(pattern):
                raise re2.error(f"{NOT_RE2}: {_words(error)}") from error
            raise re2.error(_words(error)) from error

    @property
    def error(self) -> type[Exception]:
        """What `compile` raises."""
        found: type[Exception] = re2.error
        return found


POLICY = SigmaPolicy(regex_engine=Re2())


def _is_sound(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
