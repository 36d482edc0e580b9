"""Tells what entered a container from outside apart: a person's session, or a health check or probe of the platform.

The platform starts both in the same way (runc exec): only the command and the terminal differ. Whoever runs exactly
the command of a probe, without a terminal, passes for one. So does a sibling that the container's first process makes
(CLONE_PARENT, clone(2)) for something from outside: its parent is outside too.
"""

import os
import shlex
import sys
from collections.abc import Sequence

from collectors.process_table import Tracked

EXEC = "exec"
PROBE = "probe"
UNCLEAR = "unclear"

Command = tuple[str, ...]

SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh", "fish"})
PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where programs without a path are usually found."""

OWN_PROBE: Command = (os.path.join(os.path.dirname(sys.executable), "fargate-sensor"), "health")
"""The sensor's own health check, in its own container."""


def session_of(process: Tracked, probes: Sequence[Command], *, own: bool) -> str | None:
    """That of its parent, or what its own command tells; None while it does not show one.

    `own`: it is in the sensor's container.
    """
    if process.parent is not None:
        return process.parent.session
    if not process.entered:
        return None
    gone = any(missing.field == "process.args" for missing in process.missing)
    return classify(process.args, process.tty, gone, (*probes, OWN_PROBE) if own else probes)


def classify(args: Command | None, tty: str | None, gone: bool, probes: Sequence[Command]) -> str | None:
    """The session of a process that has entered from outside; None while it does not yet show what it runs.

    `gone`: its arguments will never be known. `probes` are the arguments of the probes' commands. Without any, all that
    enters is `exec`: nothing says that there is anything else.
    """
    if not probes or tty is not None:  # the platform gives a probe no terminal
        return EXEC
    if not args:
        return UNCLEAR if gone else None
    likeness = {_likeness(args, probe) for probe in probes}
    return next(session for session in (PROBE, UNCLEAR, EXEC) if session in likeness)


def _likeness(args: Command, probe: Command) -> str:
    if args == probe:
        return UNCLEAR if _is_bare_shell(probe) else PROBE
    if (script := _script(args, probe)) is not None:
        return PROBE if script == probe[0] or script.rpartition("/")[0] in PATH else UNCLEAR
    return UNCLEAR if _is_part_of_line(args, probe) else EXEC


def _is_bare_shell(command: Command) -> bool:
    """Whether people start their sessions with it as well: a shell with nothing to run."""
    return _name(command[0]) in SHELLS and all(word.startswith("-") for word in command[1:])


def _script(args: Command, probe: Command) -> str | None:
    """The path, where the probe may be this script: its interpreter, with one option at most, stands first (execve(2)).

    A name without a slash was looked for in PATH.
    """
    for n in (1, 2):
        if args[n + 1 :] == probe[1:] and len(args) == n + len(probe):
            path = args[n]
            if path == probe[0] or ("/" not in probe[0] and _name(path) == probe[0]):
                return path
    return None


def _is_part_of_line(args: Command, probe: Command) -> bool:
    """Whether the probe's shell may have run it in its own place, as shells do with the last command of a line."""
    if len(probe) != 3 or _name(probe[0]) not in SHELLS or probe[1] != "-c":
        return False
    words = _words(probe[2])
    if len(args) == 1:
        return words == args
    return any(words[n : n + len(args)] == args for n in range(len(words)))


def _words(line: str) -> Command:
    """The words of a command line, operators among them; none where its quotes do not match."""
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return ()


def _name(path: str) -> str:
    return path.rpartition("/")[2]
