"""The fallback on the real kernel: the tables against a sock_diag dump, and a sensor that is denied netlink."""

import platform
from typing import Any

import pytest
from needs import Need
from scenes import namespaces, printed_by

pytestmark = pytest.mark.kernel

SCENE = "kernel/network_procfs_scene.py"


@pytest.fixture(scope="module")
def tables(need: Need) -> dict[str, Any]:
    need(namespaces(), "unshare -n: CAP_SYS_ADMIN")
    return dict(printed_by(SCENE, "tables", within=["unshare", "-n"]))


def test_the_tables_show_what_a_dump_shows(tables: dict[str, Any]) -> None:
    dumped, looked = sorted(tables["dumped"], key=repr), sorted(tables["looked"], key=repr)
    assert looked == dumped
    assert len(dumped) == 21
    assert {family for family, *_ in dumped} == {2, 10}
    assert tables["losses"] == {}


def test_a_table_of_many_reads_shows_each_socket_once(tables: dict[str, Any]) -> None:
    assert sorted(tables["looked_many"], key=repr) == sorted(tables["dumped_many"], key=repr)
    assert len(tables["looked_many"]) == 21 + 4001


def test_where_netlink_is_denied_the_fallback_takes_over(need: Need) -> None:
    need(platform.machine() in ("x86_64", "aarch64"), "the number of socket(2) on this machine")
    found = printed_by(SCENE, "denied")

    sockdiag, procfs = found["health"]["network_sockdiag"], found["health"]["network_procfs"]
    assert sockdiag[0] == "unavailable"
    assert procfs[0] == "degraded"
    ways = [["inbound", found["pid"], "established", "proc_net"], ["outbound", found["pid"], "established", "proc_net"]]
    assert sorted(found["told"]["network.connect"]) == ways
    assert sorted(found["told"]["network.flow"]) == ways
    assert found["losses"] == {}
