"""Facts that the kernel denies are asked of a helper, which is asked first once there is one."""

from pathlib import Path

import pytest

from collectors.gated import GatedReads
from collectors.helpers import Helpers, Identity
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone
from sensor.model.events import Timestamp

OURS, ITS = (b"/bin/seen", b"/"), (b"/bin/asked", b"/")


class OneHelper(Helpers):
    """Stands in for uid 1000 alone, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(None, Counters())
        self.asked = 0
        self.there = False
        self.refuses: type[Exception] | None = None

    def stands_in_for(self, uid: int | None, gid: int | None) -> bool:
        return self.there and (uid, gid) == (1000, 1000)

    def links(self, who: Identity, pid: int, start_ticks: int) -> tuple[bytes, bytes]:
        self.asked += 1
        self.there = True
        if self.refuses is not None:
            raise self.refuses(f"PID {pid}, asked as uid {who[0]}")
        return ITS


class Proc(Procfs):
    """Counts its reads; `denied` as without SYS_PTRACE."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.tried = 0
        self.denied = True

    def program_links(self, pid: int) -> tuple[bytes, bytes]:
        self.tried += 1
        if self.denied:
            raise AccessDenied(f"PID {pid}")
        return OURS


@pytest.fixture
def helper() -> OneHelper:
    return OneHelper()


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


@pytest.fixture
def process() -> Tracked:
    process = Tracked(7, "e", 70, Timestamp(0), None)
    process.uid = process.gid = 1000
    return process


def test_once_there_is_a_helper_nothing_is_tried_that_would_be_denied(
    helper: OneHelper, proc: Proc, process: Tracked
) -> None:
    gated = GatedReads(proc, helper)
    assert [gated.links(process) for _ in range(3)] == [ITS] * 3
    assert (proc.tried, helper.asked) == (1, 3)


def test_a_process_of_another_user_is_not_the_helpers(helper: OneHelper, proc: Proc, process: Tracked) -> None:
    helper.there, proc.denied = True, False
    process.gid = 1001
    assert GatedReads(proc, helper).links(process) == OURS
    assert helper.asked == 0


def test_what_the_helper_may_not_read_any_more_is_read_by_ourselves(
    helper: OneHelper, proc: Proc, process: Tracked
) -> None:
    """As when the process has become root, and nobody has seen it yet."""
    helper.there, helper.refuses, proc.denied = True, AccessDenied, False
    assert GatedReads(proc, helper).links(process) == OURS
    assert (proc.tried, helper.asked) == (1, 1)


def test_where_both_are_denied_the_helpers_reason_is_told(helper: OneHelper, proc: Proc, process: Tracked) -> None:
    helper.there, helper.refuses = True, AccessDenied
    with pytest.raises(AccessDenied, match="asked as uid 1000"):
        GatedReads(proc, helper).links(process)


def test_no_helper_stands_in_for_root(helper: OneHelper, proc: Proc, process: Tracked) -> None:
    process.uid = process.gid = 0
    with pytest.raises(AccessDenied, match="no helper can stand in for uid 0"):
        GatedReads(proc, helper).links(process)
    assert helper.asked == 0


def test_what_is_gone_for_the_helper_is_gone(helper: OneHelper, proc: Proc, process: Tracked) -> None:
    helper.there, helper.refuses = True, ProcessGone
    with pytest.raises(ProcessGone):
        GatedReads(proc, helper).links(process)
    assert proc.tried == 0


@pytest.mark.parametrize(("cwd", "found"), [("/srv", (b"/bin/app", b"/srv", b"")), (None, (b"/bin/app", b"", b""))])
def test_a_directory_that_has_just_gone_takes_the_executable_not_with_it(
    tmp_path: Path, cwd: str | None, found: tuple[bytes, bytes, bytes]
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "exe").symlink_to("/bin/app")
    if cwd is not None:
        (tmp_path / "7" / "cwd").symlink_to(cwd)
    assert Procfs(str(tmp_path)).program_links(7) == found


def test_without_an_executable_there_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cwd").symlink_to("/srv")
    with pytest.raises(ProcessGone):
        Procfs(str(tmp_path)).program_links(7)
