"""What a file is looked at for when its change is told."""

import os
import stat
from collections.abc import Iterator

import pytest

from collectors import rootfs
from collectors.file_changes import Change
from collectors.file_events import Facts, drifts, facts
from collectors.watch_coverage import Reach
from sensor.model.kinds import Kind
from sensor.model.protocols import HOST

TOOL = Change(Kind.FILE_CREATE, "c", b"/usr/bin/tool")


def status(mode: int = stat.S_IFREG | 0o755, device: int = 5, size: int = 10) -> os.stat_result:
    return os.stat_result((mode, 77, device, 1, 0, 0, size, 0, 0, 0))


@pytest.fixture
def reach() -> Iterator[Reach]:
    with rootfs.held(os.open("/", os.O_PATH)) as root:
        yield Reach(root, ())


@pytest.mark.parametrize("kind", [Kind.FILE_CREATE, Kind.FILE_DELETE])
@pytest.mark.parametrize("apart", [True, False])
def test_only_what_lies_on_the_file_system_of_the_root_is_apart(
    reach: Reach, kind: Kind, apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = os.fstat(reach.root_fd).st_dev
    monkeypatch.setattr(rootfs, "status", lambda *_, **__: status(device=device if apart else device + 1))
    assert facts(TOOL._replace(kind=kind), reach).apart is apart


@pytest.mark.parametrize(
    ("change", "found", "drift"),
    [
        (TOOL, status(), True),
        (TOOL, status(mode=stat.S_IFREG | 0o644), False),
        (TOOL._replace(programs=True), status(mode=stat.S_IFREG | 0o644), True),
        (TOOL._replace(path=b"/usr/lib/libx.so"), status(mode=stat.S_IFREG | 0o644), True),
        (TOOL._replace(path=b"/usr/lib/libx.so.1.2"), status(mode=stat.S_IFREG | 0o644), True),
        (TOOL._replace(path=b"/usr/lib/libx.so"), status(mode=stat.S_IFLNK | 0o777), False),
        (TOOL._replace(path=b"/usr/lib/libx.sock"), status(mode=stat.S_IFREG | 0o644), False),
        (TOOL._replace(path=b"/etc/ld.so.conf"), status(mode=stat.S_IFREG | 0o644), False),
        (TOOL._replace(path=b"/etc/ld.so.cache"), status(mode=stat.S_IFREG | 0o644), False),
        (TOOL, status(size=0), False),
        (TOOL, status(mode=stat.S_IFDIR | 0o755), False),
        (TOOL._replace(kind=Kind.FILE_OPEN), status(), False),
        (TOOL._replace(container=HOST), status(), False),
        (TOOL, None, False),
    ],
)
def test_what_can_run_and_came_drifts(change: Change, found: os.stat_result | None, drift: bool) -> None:
    assert drifts(change, Facts(found)) is drift
