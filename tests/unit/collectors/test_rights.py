"""What /proc/PID/status says a process may do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.procfs import Procfs
from collectors.rights import CAPABILITIES, DEFAULTS, Rights, has_users_of_its_own, named, parse, read
from sensor.model.errors import ProcessGone

STATUS = b"""\
Name:\tCapEff:\\nx
Uid:\t1000\t%(uid)d\t0\t0
Gid:\t0\t0\t0\t0
Groups:\t%(groups)s
CapInh:\tffffffffffffffff
CapPrm:\tffffffffffffffff
CapEff:\t%(held)s
CapBnd:\tffffffffffffffff
NoNewPrivs:\t0
Seccomp:\t%(mode)s
Seccomp_filters:\t1
"""
DOCKER = b"00000000a80425fb"


def status(uid: int = 0, held: bytes = DOCKER, mode: bytes = b"2", groups: bytes = b"0") -> bytes:
    return STATUS % {b"uid": uid, b"held": held, b"mode": mode, b"groups": groups}


def test_what_root_in_a_container_has_is_nothing_added() -> None:
    found = parse(status())
    assert found == Rights(0, DEFAULTS, 2)
    assert found.added == frozenset()


def test_the_capabilities_beyond_that() -> None:
    assert parse(status(held=b"00000000a82c35fb")).added == {"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"}
    assert parse(status(held=b"000001ffffffffff")).added == set(CAPABILITIES) - DEFAULTS
    assert parse(status(held=b"0000000000000000")).added == frozenset()


def test_the_effective_uid_counts() -> None:
    assert parse(status(uid=33)).uid == 33


def test_a_capability_newer_than_the_names_is_its_number() -> None:
    assert named(1 << 41 | 1) == {"41", "CHOWN"}


def test_a_long_list_of_groups_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_bytes(status(groups=b"1234567 " * 65_536))
    assert read(Procfs(str(tmp_path)), 7).seccomp == 2


@pytest.mark.parametrize("odd", [b"", b"zz", b"\xff"])
def test_what_is_no_number_is_unknown(odd: bytes) -> None:
    found = parse(status(held=odd, mode=odd))
    assert (found.seccomp, found.added) == (None, frozenset())


def test_a_kernel_that_tells_neither() -> None:
    assert parse(b"Name:\tx\nUid:\t1\t2\t2\t2\nGid:\t3\t4\t4\t4\n") == Rights(2, None, None)


@given(st.integers(0, 2**64 - 1))
def test_every_mask_has_as_many_names_as_bits(bits: int) -> None:
    assert len(named(bits)) == bits.bit_count()


def test_users_of_its_own_show_in_the_mapping(tmp_path: Path) -> None:
    for name, mapping in (("self", "0 0 4294967295"), ("10", "0 0 4294967295"), ("11", "0 1000 1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "uid_map").write_text(mapping)
    procfs = Procfs(str(tmp_path))
    assert not has_users_of_its_own(procfs, 10)
    assert has_users_of_its_own(procfs, 11)
    with pytest.raises(ProcessGone):
        has_users_of_its_own(procfs, 12)
