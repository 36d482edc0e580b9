"""`fargate-sensor demo`: ingest, console and sensor together on this machine, watching its own processes."""

import math
import os
import sys
import time
from contextlib import suppress

from sensor.commands.arguments import Parser, port
from sensor.demo import compose
from sensor.demo.session import DemoFailed, Session, free_port
from sensor.demo.show import Show
from sensor.demo.summary import summarise

ABOUT = """\
Starts the central ingest with its console, and the sensor beside it on this machine's own processes, with random
tokens and a temporary store that is removed at the end. Then it plays a harmless intrusion of nine steps, on the
loopback and in a temporary directory, tells what is detected as it comes, and compares that with what psutil saw, asked
ten times a second. Without --for it goes on until Ctrl-C.
Exit codes: 0 when something was seen, 1 when nothing arrived or something failed, 2 for wrong usage."""

TICK_S = 0.25
LOG_LINES = 20


def main(argv: list[str]) -> int:
    """Run the demo. What is seen goes to standard output, what is wrong to standard error."""
    parser = Parser("demo", ABOUT, "fargate-sensor demo --for 20")
    parser.add_run_for()
    parser.add_argument("--port", type=port, metavar="N", help="of the console (8080 where it is free)")
    options = parser.parse_args(argv)
    if not os.path.exists("/proc/self/stat"):
        return compose.run(options.run_for)
    try:
        return _demo(options.port, options.run_for)
    except DemoFailed as failed:
        return _complain(str(failed), failed.log, failed.code)
    except OSError as error:
        return _complain(f"the ingest cannot be asked: {error}", (), 1)


def _demo(wanted: int | None, run_for: float | None) -> int:
    with Session(free_port(wanted)) as session:
        _say("starting the ingest")
        session.start_ingest()
        session.start_intruder()
        _say("starting the sensor")
        session.start_sensor()
        with suppress(KeyboardInterrupt):  # the usual end of a demo without --for
            _say(f"console: {session.url}/#token={session.read_token}")
            _say("Ctrl-C ends it" if run_for is None else f"ends by itself in {run_for:g} s")
            ends = math.inf if run_for is None else time.monotonic() + run_for
            show = Show(session)
            show.run(ends)
            _say(show.report())
            _follow(session, ends)
        _say("\nstopping the sensor, which delivers what it holds")
        session.stop_sensor()
        summary = summarise(session.ingest)
        sys.stdout.write(summary.table())
    if not summary.arrived:
        return _complain("nothing arrived; `fargate-sensor doctor` says what can be seen here", (), 1)
    return 0


def _follow(session: Session, ends: float) -> None:
    """Tell progress and warnings until the time is over."""
    started = tells = time.monotonic()
    while (now := time.monotonic()) < ends:
        for line in session.trouble():
            sys.stderr.write(line + "\n")
        if now >= tells:
            _progress(session, now - started)
            tells = now + (1 if sys.stdout.isatty() else 10)
        time.sleep(max(0, min(TICK_S, ends - time.monotonic())))


def _progress(session: Session, elapsed: float) -> None:
    """On a terminal always the same line, elsewhere a new one."""
    stored = sum(int(task["events"]) for task in session.ingest.tasks())
    end = "\r" if sys.stdout.isatty() else "\n"
    sys.stdout.write(f"{elapsed:6.0f} s  {stored:,} events stored{end}")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _complain(reason: str, log: tuple[str, ...], code: int) -> int:
    """One line that says what is wrong, below the last lines of the log of whoever is at fault."""
    for line in log[-LOG_LINES:]:
        sys.stderr.write(f"  {line}\n")
    sys.stderr.write(f"fargate-sensor demo: {reason}\n")
    return code
