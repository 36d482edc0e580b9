"""Whether tracing is possible, and what is said where it is not."""

import errno
from pathlib import Path

import pytest

from collectors.procfs import Procfs
from collectors.trace_probe import probe
from sensor.model.protocols import Status

DEFAULT, WITH_PTRACE = 0xA80425FB, 0xA80425FB | 1 << 19


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "sys/kernel/yama").mkdir(parents=True)
    return tmp_path


def found(proc: Path, *, held: int = WITH_PTRACE, yama: int | None = None, euid: int = 0, refused: int = 0):
    (proc / "self/status").write_text(f"Name:\tx\nCapInh:\t0\nCapEff:\t{held:016x}\nSeccomp:\t2\n")
    if yama is not None:
        (proc / "sys/kernel/yama/ptrace_scope").write_text(f"{yama}\n")
    refusal = OSError(refused, "Operation not permitted") if refused else None
    return probe(Procfs(str(proc)), euid=euid, kernel_refusal=lambda: refusal)


@pytest.mark.parametrize("yama", [None, 0, 1, 2])
def test_with_the_capability_yama_matters_only_where_nobody_may(proc: Path, yama: int | None) -> None:
    assert found(proc, yama=yama).status is Status.OK


def test_each_refusal_says_why_and_what_would_mend_it(proc: Path) -> None:
    for capability, why in [
        (found(proc, euid=1000), "does not run as root"),
        (found(proc, held=DEFAULT), "setuid programs would lose their privileges"),
        (found(proc, yama=3), "ptrace_scope is 3"),
        (found(proc, yama=0, refused=errno.EPERM), "ptrace is refused"),
    ]:
        assert capability.status is Status.UNAVAILABLE
        assert why in (capability.reason or "")
        assert capability.mend
