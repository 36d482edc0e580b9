"""Scripts that tests run in a process of their own, because of what they do to it or where they must be."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent


def printed_by(script: str, *arguments: str, within: Sequence[str] = (), timeout: float = 60) -> Any:
    """What a script below tests/ prints as JSON; `within` is a command that runs it, such as `unshare -n`.

    Modules of all tiers' directories can be imported in it; `timeout` is in seconds.
    """
    paths = [TESTS, TESTS.parent, (TESTS / script).parent, TESTS / "kernel"]
    done = subprocess.run(
        [*within, sys.executable, str(TESTS / script), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def namespaces() -> bool:
    """Whether `unshare -n` works here: CAP_SYS_ADMIN."""
    return subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0
