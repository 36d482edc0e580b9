"""Who a process runs as, of the kernel's real /proc."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from needs import Need

from collectors.procfs import Procfs, parse_credentials
from sensor.model.errors import ProcessGone

pytestmark = pytest.mark.kernel

BECOMES_ANOTHER = """
import os, sys
os.setresgid(2001, 2002, 2003)
os.setresuid(1001, 1002, 1003)
print(flush=True)
sys.stdin.read()
"""
"""Who changes its ids may not be looked into from then on (prctl(2), PR_SET_DUMPABLE): what is in its directory is then
root's."""


def test_it_is_the_effective_user_also_of_what_may_not_be_looked_into_and_of_a_zombie(need: Need) -> None:
    need(os.geteuid() == 0, "root, to become another user")
    command = [sys.executable, "-c", BECOMES_ANOTHER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        assert Path(f"/proc/{child.pid}/stat").stat().st_uid == 0
        assert Procfs().credentials(child.pid) == (1002, 2002)
        assert Procfs().credentials(child.pid) == parse_credentials(Procfs().record(f"{child.pid}/status", 16_384))
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Procfs().stat(child.pid).is_zombie
        assert Procfs().credentials(child.pid) == (1002, 2002)
    with pytest.raises(ProcessGone):
        Procfs().credentials(child.pid)


def test_a_thread_is_asked_like_a_process() -> None:
    """A main thread may have exited before the others (`procfs.Stat`)."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert thread.native_id not in (None, os.getpid())
    assert Procfs().credentials(thread.native_id or 0) == (os.geteuid(), os.getegid())
    over.set()
    thread.join()
