"""Which servers a resolv.conf names, and that no container makes us wait for it or read elsewhere."""

import os
from pathlib import Path

import pytest
from fakes import FakeClock

from collectors.resolvers import KEPT_S, Resolvers, servers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"nameserver 10.0.0.2\nsearch ec2.internal\nnameserver 2001:db8::53\n", {"10.0.0.2", "2001:db8::53"}),
        (b"# nameserver 10.0.0.3\n  nameserver\tfe80::1%eth0 # by hand\n", {"fe80::1"}),
        (b"nameserver FD00:EC2::253\nnameserver 2001:db8:0:0:0:0:0:2", {"fd00:ec2::253", "2001:db8::2"}),
        (b"options ndots:5\n", None),
        (b"", None),
        (b"nameserver\nnameserver \xff\xfe", {"\ufffd\ufffd"}),
    ],
)
def test_servers(text: bytes, expected: set[str] | None) -> None:
    assert servers(text) == (expected and frozenset(expected))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path


def resolvers(root: Path, clock: FakeClock) -> Resolvers:
    return Resolvers(lambda _: os.open(root, os.O_PATH), lambda _: (), clock)


def test_the_file_is_read_anew_after_a_while(root: Path) -> None:
    clock = FakeClock()
    found = resolvers(root, clock)
    (root / "etc/resolv.conf").write_text("nameserver 10.0.0.2\n")
    assert found("c1") == {"10.0.0.2"}
    (root / "etc/resolv.conf").write_text("nameserver 10.0.0.3\n")
    assert found("c1") == {"10.0.0.2"}
    clock.advance(KEPT_S + 1)
    assert found("c1") == {"10.0.0.3"}


def test_a_fifo_in_its_place_is_not_read(root: Path) -> None:
    os.mkfifo(root / "etc/resolv.conf")
    assert resolvers(root, FakeClock())("c1") is None


def test_a_link_out_of_the_container_stays_inside(root: Path) -> None:
    (root / "etc/resolv.conf").symlink_to("/etc/hostname")
    assert resolvers(root, FakeClock())("c1") is None


def test_a_container_without_a_reachable_root_has_none_until_it_has_one(root: Path) -> None:
    (root / "etc/resolv.conf").write_text("nameserver 10.0.0.2\n")
    roots = iter([None, os.open(root, os.O_PATH)])
    found = Resolvers(lambda _: next(roots), lambda _: (), FakeClock())
    assert [found("c1") for _ in range(3)] == [None, {"10.0.0.2"}, {"10.0.0.2"}]
