"""Brings rules to the detector: those that ship, and users' own, compiled in a child again whenever their files change.

Files are looked at every `LOOK_S` seconds rather than on a signal: a mounted volume changes without anybody being able
to send one into the container. A broken rule is told and the others stay; when the child itself fails, those that were
loaded before do.
"""

import asyncio
import errno
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar, cast

from sensor.detect.compact import MalformedRules, Problem, unpack
from sensor.detect.detector import Detector
from sensor.detect.engine import Engine
from sensor.detect.shipped import shipped
from sensor.model.events import CollectorHealth
from sensor.telemetry.trouble import one_line

LOOK_S = 15.0
RETRY_S, LONGEST_RETRY_S = 30.0, 3600.0
"""Before files that could not be compiled are tried again as they are: each time twice as long."""
COMPILE_S = 300.0
"""How long the child may take, before it is ended."""
MOST_LINES = 20
"""Problems that are written to the log; the rest is counted."""
MOST_FIGURES = 20
"""Rules whose undecided events a report tells, the most frequent first; the report's counters have the sum of all."""
MOST_FILES = 20_000
SUFFIXES = (".yml", ".yaml")

T = TypeVar("T")
Signature = tuple[tuple[str, int, int, int], ...]

log = logging.getLogger(__name__)


class RuleFeed:
    """`start` loads what ships; `run`, after it, follows the users' directories until cancelled."""

    def __init__(self, detector: Detector, paths: Sequence[str], *, look_s: float = LOOK_S) -> None:
        self._detector = detector
        self._paths = tuple(paths)
        self._look_s = look_s
        self._problems: Sequence[Problem] = ()
        self._seen: Signature | None = None

    async def start(self) -> bool:
        """Load the rules that ship, in a thread, since others collect meanwhile; whether they are without problems."""
        try:
            engine = await _in_thread(lambda: Engine(shipped()))
        except OSError:  # no thread can be had: then the others wait for 40 ms
            engine = Engine(shipped())
        self._take(engine)
        return not self._problems

    async def run(self) -> None:
        """Look, and compile when something changed; the same files that failed are tried again later and later."""
        failed: Signature | None = None
        wait, due = RETRY_S, 0.0
        now = asyncio.get_running_loop().time
        while self._paths:
            signature = await self._signature()
            if signature != self._seen and (signature != failed or now() >= due):
                try:
                    self._take(await engine_with(self._paths))
                    self._seen, failed = signature, None
                except (OSError, MalformedRules, TimeoutError) as error:
                    reason = str(error) or type(error).__name__
                    self._tell([Problem("rules", f"not compiled, those before stay: {reason}")])
                    wait = min(2 * wait, LONGEST_RETRY_S) if signature == failed else RETRY_S
                    failed, due = signature, now() + wait
            await asyncio.sleep(self._look_s)

    def health(self) -> CollectorHealth:
        """How detection stands, for the heartbeat."""
        most = self._detector.undecided.most_common(MOST_FIGURES)
        figures = {f"undecided:{rule_id}": count for rule_id, count in most}
        if not self._problems:
            return CollectorHealth("ok", figures=figures)
        first = self._problems[0]
        text = f"{len(self._problems)} problems in rules, the first: {first.source}: {first.text}"
        return CollectorHealth("degraded", one_line(text), figures)

    async def _signature(self) -> Signature | None:
        """Of the files as they are; as they were where no thread can be had that looks, so that the next look may."""
        try:
            return await _in_thread(lambda: signature_of(self._paths))
        except OSError:
            return self._seen

    def _take(self, engine: Engine) -> None:
        self._detector.use(engine)
        log.info("%s", summary(engine))
        self._tell(problems_of(engine))

    def _tell(self, problems: Sequence[Problem]) -> None:
        self._problems = problems
        for problem in problems[:MOST_LINES]:
            log.warning("rules: %s: %s", one_line(problem.source), one_line(problem.text))
        if len(problems) > MOST_LINES:
            log.warning("rules: and %d more problems", len(problems) - MOST_LINES)


async def engine_with(paths: Sequence[str]) -> Engine:
    """What ships, and the users' rules, which replace those with the same id. Ten thousand take seconds.

    Raises `OSError`, `MalformedRules` and `TimeoutError` where the child that compiles fails.
    """
    own = await _compiled(paths)
    return await _in_thread(lambda: Engine(shipped().joined(unpack(own))))


def summary(engine: Engine) -> str:
    """How many rules are loaded, and how many of them are idle."""
    idle = sum(rule.not_here is not None for rule in engine.rules.rules)
    return f"{engine.loaded} rules are loaded, {idle} can match nothing here"


def problems_of(engine: Engine) -> Sequence[Problem]:
    """What was found when the rules were compiled, and when they were loaded."""
    return [*engine.rules.problems, *engine.problems]


def signature_of(paths: Iterable[str]) -> Signature:
    """Name, time, size and inode of every file of rules: what differs when one was changed."""
    found = []
    for path in _files(paths):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found.append((path, status.st_mtime_ns, status.st_size, status.st_ino))
        if len(found) >= MOST_FILES:
            break
    return tuple(sorted(found))


def _files(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for folder, below, names in os.walk(path, followlinks=False):
            below[:] = [name for name in below if not name.startswith(".")]
            yield from (os.path.join(folder, name) for name in names if name.endswith(SUFFIXES))


async def _compiled(paths: Sequence[str]) -> bytes:
    """What the child made. Raises `OSError` and `TimeoutError`."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "sensor.sigma", *paths),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(child.communicate(), COMPILE_S)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = err.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise OSError(f"the compiler ended with {child.returncode}: {one_line(last)}")
    return out


async def _in_thread(work: Callable[[], T]) -> T:
    """Beside the loop, in a thread that nothing waits for at the end: a network file system may hang.

    Raises OSError where no thread can be had (a pids limit), and what the work raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast(T, result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as failure:  # noqa: BLE001  # whoever waits gets it
            error = failure
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    try:
        threading.Thread(target=run, name="rules", daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from None
    return await done
