"""`fargate-sensor COMMAND`: finds the command's module and calls its `main`.

Nothing is imported before it is known to be needed: `health` runs every few seconds in each container, and must
cost no more than the start of Python.
"""

import os
import sys

COMMANDS = {
    "run": ("sensor.commands.run", "the sidecar: watch this task and ship what happens"),
    "watch": ("sensor.commands.watch", "live events for a person; JSON lines when piped"),
    "demo": ("sensor.commands.demo", "ingest, console and sensor together on this machine"),
    "doctor": ("sensor.commands.doctor", "what can be seen here, what cannot, and what would mend it"),
    "rules": ("sensor.commands.rules", "Sigma rules: list, check, test and tune them"),
    "inject": ("deploy.commands.inject", "put the sensor into a task definition or a pod, or take it out"),
    "webhook": ("deploy.webhook.command", "put the sensor into pods as a cluster creates them"),
    "check": ("deploy.checks.command", "task definitions, templates and manifests: what to mend before they ship"),
    "ingest": ("ingest.command", "the central endpoint with its store and console"),
    "health": ("sensor.commands.health", "whether the sensor of this container is alive, for health checks"),
}
"""For each command its module, which has `main(argv: list[str]) -> int`, and what it is for."""

LINUX_ONLY = ("run", "watch", "doctor", "health")
OURS = ("sensor", "collectors", "shippers")
EXTRAS = ("ingest", "deploy", "webhook")

INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13
"""What a shell shows for a program that SIGINT or SIGPIPE ended."""


def main() -> int:
    """Run the command in `sys.argv`; the exit code is 0 for success, 1 for findings or failure, 2 for wrong usage."""
    try:
        try:
            return dispatch(sys.argv[1:])
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return PIPE_CLOSED


def dispatch(argv: list[str]) -> int:
    """Run one command of `COMMANDS`, or tell what there is."""
    name, rest = (argv[0], argv[1:]) if argv else ("", [])
    if name in ("-h", "--help", "help"):
        sys.stdout.write(overview())
        return 0
    if name == "--version":
        from sensor import __version__

        sys.stdout.write(f"fargate-sensor {__version__}\n")
        return 0
    if name not in COMMANDS:
        return _unknown(name)
    if name in LINUX_ONLY and not os.path.exists("/proc/self/stat"):
        return _complain(f"{name} needs Linux with /proc mounted; `fargate-sensor demo` tells how to try it here", 1)
    if name == "run":
        _close_to_siblings()
    return _call(name, rest)


def overview() -> str:
    """The commands, a line each."""
    rows = "".join(f"  {name:<8} {about}\n" for name, (_, about) in COMMANDS.items())
    return (
        "usage: fargate-sensor COMMAND [OPTIONS]\n\n"
        "A runtime security sensor for AWS Fargate: sees what its sibling containers do.\n\n"
        f"{rows}\n"
        "`fargate-sensor COMMAND --help` tells the options of one. For example: fargate-sensor watch --for 10\n"
    )


def _close_to_siblings() -> None:
    """A token is in the environment here until the exec, and in the first stage while it checks: close both first."""
    from sensor.telemetry.prctl import set_not_dumpable

    try:  # noqa: SIM105 - contextlib would be a third of what a health check imports
        set_not_dumpable()
    except OSError:
        pass  # the second stage tries again, and tells


def _call(name: str, argv: list[str]) -> int:
    from importlib import import_module

    try:
        command = import_module(COMMANDS[name][0])
        return int(command.main(argv))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OURS:
            raise
        here = missing != COMMANDS[name][0].partition(".")[0]
        lacking = f"{name} needs {missing}" if here else f"{name} is not part of this installation"
        return _complain(f"{lacking}: {_pip(name)}", 2)


def _pip(name: str) -> str:
    extra = name if name in EXTRAS else COMMANDS[name][0].partition(".")[0]
    checkout = f"'.[{extra}]'" if extra in EXTRAS else "."
    # No index has the package: whoever registers its name there would be run by who is told to install it by name.
    return f"pip install {checkout} in a checkout of fargate-sensor"


def _unknown(name: str) -> int:
    if not name:
        sys.stderr.write(overview())
        return 2
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    return _complain(f"no command {ascii(name)[:60]}; {advice}", 2)


def _complain(line: str, code: int) -> int:
    sys.stderr.write(f"fargate-sensor: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
