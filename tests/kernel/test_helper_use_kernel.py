"""What a real launcher and a real helper use, as the governor counts it."""

import os
import time
from collections.abc import Callable

import pytest
from needs import Need

from collectors import helper_launcher
from collectors.helpers import Helpers
from collectors.procfs import Procfs
from sensor.model.counters import Counters
from sensor.telemetry.helper_use import HelperUse

pytestmark = pytest.mark.kernel
DEADLINE_S = 60.0
OTHER = 12345
MIB = 1024 * 1024


def children(pid: int) -> list[int]:
    return list(map(int, Procfs().read(f"{pid}/task/{pid}/children").split()))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline


def test_the_launcher_and_a_helper_are_counted_until_they_have_ended(need: Need) -> None:
    need(os.getuid() == 0, "root, to become another uid")
    before = children(os.getpid())
    helpers = Helpers(helper_launcher.start(), Counters())
    (launcher,) = set(children(os.getpid())) - set(before)
    us, start = os.getpid(), Procfs().stat(os.getpid()).start_ticks
    known = [launcher]
    use = HelperUse(lambda: known)
    try:
        helpers.holds((0, 0), us, start, 0, 0)
        (helper,) = children(launcher)
        known.append(helper)
        idle = use.cpu_s()

        def has_worked() -> bool:
            helpers.links((0, 0), us, start)
            return use.cpu_s() >= idle + 0.05

        until(has_worked)
        memory = use.memory()
    finally:
        helpers.close()

    until(lambda: not os.path.exists(f"/proc/{helper}"))
    os.waitpid(launcher, 0)
    assert memory > MIB
    assert use.cpu_s() >= idle + 0.05
    assert use.memory() == 0
