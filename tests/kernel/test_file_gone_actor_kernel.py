"""Who moved a file to where nobody watches may have ended before it is known that it is gone."""

from pathlib import Path

import pytest
from file_scene import APP, make_root
from file_still import Still

from collectors.file_changes import PAIRING_S
from sensor.model.protocols import Recent

pytestmark = pytest.mark.kernel


def test_who_is_left_is_not_taken_for_who_moved_it_away(tmp_path: Path) -> None:
    still = Still(make_root(tmp_path, ["etc", "data"]))
    (still.root / "etc/x").touch()
    still.start()
    still.work()
    still.clock.advance(1.0)
    mover = still.task.add(1 << 22, APP, exe="/bin/busybox")
    (still.root / "etc/x").rename(still.root / "data/x")
    still.task.end(mover.pid)
    still.task.dead.append((APP, Recent(mover, ended=still.clock.monotonic())))
    for later in (0.01, PAIRING_S):  # its half is read, and in the next read the other has stayed away
        still.clock.advance(later)
        still.watch.was_idle()
        still.work()
    (event,) = still.emitted.events
    still.close()
    assert event.file is not None
    assert event.process is None
    assert mover.entity in event.file.actor_candidates
