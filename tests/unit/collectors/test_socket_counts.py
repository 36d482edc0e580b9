"""The kernel's counts of sockets, from files as Linux 6.18 and 5.10 write them."""

from pathlib import Path

import pytest

from collectors.procfs import Procfs
from collectors.socket_counts import Opened, counts, opened

SNMP = """Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens Fails EstabResets CurrEstab InSegs OutSegs OutRsts
Tcp: 1 200 120000 -1 {active} {passive} 1 11 {established} {segments} 13521 100
Udp: InDatagrams NoPorts OutDatagrams
Udp: {datagrams} 1 1000
"""
SOCKSTAT = """sockets: used {used}
TCP: inuse {tcp} orphan 0 tw {tw} alloc 1 mem {mem}
UDP: inuse {udp} mem {mem}
UDPLITE: inuse 0
RAW: inuse 0
"""
SOCKSTAT6 = """TCP6: inuse {tcp6}
UDP6: inuse {udp6}
UDPLITE6: inuse 0
"""
BEFORE = {
    "active": 1, "passive": 2, "established": 3, "segments": 4, "datagrams": 5, "used": 6, "tcp": 7, "tw": 8, "mem": 9,
    "udp": 10, "tcp6": 11, "udp6": 12,
}  # fmt: skip


def write(root: Path, values: dict[str, int]) -> Procfs:
    (root / "net").mkdir(exist_ok=True)
    for name, content in (("snmp", SNMP), ("sockstat", SOCKSTAT), ("sockstat6", SOCKSTAT6)):
        (root / "net" / name).write_text(content.format(**values))
    return Procfs(str(root))


@pytest.mark.parametrize("field", ["active", "passive", "established", "tcp", "udp", "tcp6", "udp6"])
def test_a_socket_that_comes_changes_the_counts(tmp_path: Path, field: str) -> None:
    before = counts(write(tmp_path, BEFORE))
    assert before is not None
    assert counts(write(tmp_path, BEFORE | {field: 99})) != before


@pytest.mark.parametrize("field", ["segments", "datagrams", "used", "tw", "mem"])
def test_traffic_alone_does_not(tmp_path: Path, field: str) -> None:
    before = counts(write(tmp_path, BEFORE))
    assert counts(write(tmp_path, BEFORE | {field: 99})) == before


def test_files_that_are_missing_or_strange_give_no_counts(tmp_path: Path) -> None:
    assert counts(Procfs(str(tmp_path))) is None
    procfs = write(tmp_path, BEFORE)
    (tmp_path / "net" / "snmp").write_text("Tcp: one line only\n")
    assert counts(procfs) is None
    (tmp_path / "net" / "snmp").write_text("Tcp: other names\nTcp: 1 2\n")
    assert counts(procfs) is None


def test_what_was_opened_is_connections_either_way_and_refused_and_datagrams_of_both_families(tmp_path: Path) -> None:
    procfs = write(tmp_path, BEFORE)
    assert opened(procfs) == Opened(1 + 2 + 100, 5 + 1000, 1 + 2 - 3)
    (tmp_path / "net" / "snmp6").write_text("Ip6InReceives 3\nUdp6InDatagrams 10\nUdp6OutDatagrams 20\nUdp6NoPorts 9\n")
    assert opened(procfs) == Opened(103, 1035, 0)


@pytest.mark.parametrize(
    ("name", "content"), [("snmp", "Tcp: a\nTcp: 1\n"), ("snmp", ""), ("snmp6", "Udp6InDatagrams many\n")]
)
def test_what_cannot_be_read_of_it_is_no_number(tmp_path: Path, name: str, content: str) -> None:
    procfs = write(tmp_path, BEFORE)
    (tmp_path / "net" / name).write_text(content)
    assert opened(procfs) is None
