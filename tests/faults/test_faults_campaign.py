"""A sensor lives through what no system call's error stands for: stops, overflows, set clocks, PIDs that go round.

CI runs one short round; `make soak` many: what its app does is told or told as lost, it recovers, it does not grow.
"""

import os
from pathlib import Path

import pytest
from needs import Need, NeedKernel
from scenes import namespaces, printed_by

SOAK = bool(os.environ.get("SOAK"))
ROUNDS = (60, 6, 6, 6) if SOAK else (6,)
"""Seconds of SIGSTOP in each; the other troubles last a third of that at most."""
MOST_GROWTH = 16 << 20
"""Bytes by which the sensor may be larger after the last round than after the first."""
WITHIN = ["unshare", "--pid", "--net", "--mount-proc", "--fork", "--kill-child"]
"""PID, network and mount namespaces of their own."""

TIMEOUT_S = 3600 if SOAK else 280

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(TIMEOUT_S + 20)]


def test_what_happens_in_trouble_is_told_or_told_as_lost(need: Need, need_kernel: NeedKernel, tmp_path: Path) -> None:
    need(os.getuid() == 0 and namespaces(), "root, for namespaces of PIDs and of the network")

    scene = ("faults/campaign_scene.py", str(tmp_path), *map(str, ROUNDS))
    found = printed_by(*scene, within=WITHIN, timeout=TIMEOUT_S)

    print(found)  # the whole result stands in the log of a long run
    assert found["faults"] == []
    assert found["losses"]["inotify_overflow"] >= len(ROUNDS)
    assert found["memory"][-1] - found["memory"][0] < MOST_GROWTH
    if "numbers_go_round" not in found["recovered"]:
        need_kernel(6, 14, "a PID namespace has a pid_max of its own")
        pytest.fail("process numbers did not go round")
