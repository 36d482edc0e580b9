"""The sensor's own sockets are known by cookie from the moment they are connected or bound, and by inode while open."""

import os
import socket
import struct
import sys
from pathlib import Path

import pytest

from collectors import own_sockets
from collectors.own_sockets import ASKED_S, MOST, SO_COOKIE, OwnSockets
from collectors.procfs import Procfs
from collectors.socket_table import Ends


def cookie(of: socket.socket) -> int:
    return int(struct.unpack("=Q", of.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0])


@pytest.fixture
def own() -> OwnSockets:
    made = OwnSockets(Procfs())
    made.watch()
    return made


def test_one_audit_hook_serves_all_since_none_is_ever_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[object] = []
    monkeypatch.setattr(OwnSockets, "_hooked", False)
    monkeypatch.setattr(sys, "addaudithook", hooks.append)
    for _ in range(2):
        OwnSockets(Procfs()).watch()
    assert len(hooks) == 1


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_bound_socket_is_ours_and_stays_so(own: OwnSockets, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as ours:
        ours.bind(("127.0.0.1", 0))
        number = cookie(ours)
    assert own.has_cookie(number)


def test_a_socket_is_ours_though_its_connect_fails(own: OwnSockets) -> None:
    with socket.socket() as closed, socket.socket() as ours:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            ours.connect(closed.getsockname())
        assert own.has_cookie(cookie(ours))


def test_a_socket_that_was_only_made_is_found_by_its_inode_at_the_next_look(own: OwnSockets) -> None:
    with socket.socket() as ours:
        inode = os.fstat(ours.fileno()).st_ino
        assert not own.has_inode(inode)
        own.look()
        assert own.has_inode(inode)
    own.look()
    assert not own.has_inode(inode)


def test_what_was_bound_is_known_by_its_inode_after_its_end(own: OwnSockets) -> None:
    with socket.socket() as ours:
        inode = os.fstat(ours.fileno()).st_ino
        ours.bind(("127.0.0.1", 0))
    assert own.has_inode(inode)


def test_the_ends_that_our_resolver_asked_from_are_ours_once_and_not_for_long(
    own: OwnSockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Ends(b"\x0a\0\0\1", port, b"\x0a\0\0\2", 53) for port in (40000, 40001))
    own.asked_from(first)
    own.asked_from(second)
    assert [own.has_asked(first), own.has_asked(first)] == [True, False]
    later = own_sockets.time.monotonic() + ASKED_S
    monkeypatch.setattr(own_sockets.time, "monotonic", lambda: later)
    assert not own.has_asked(second)


def test_other_families_do_not_count(own: OwnSockets, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "socket"))
        assert not own.has_cookie(cookie(other))


def test_a_proc_that_cannot_be_read_keeps_the_last_look(own: OwnSockets, tmp_path: Path) -> None:
    blind = OwnSockets(Procfs(str(tmp_path)))
    blind.look()
    assert not blind.has_inode(1)


def test_cookies_are_bounded(own: OwnSockets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_sockets, "MOST", len(own_sockets._cookies) + 1)
    before = len(own_sockets._cookies)
    for _ in range(3):
        with socket.socket() as ours:
            ours.bind(("127.0.0.1", 0))
    assert len(own_sockets._cookies) == before + 1
    assert before < MOST


@pytest.mark.parametrize("args", [("no socket",), (None, ("127.0.0.1", 1))])
def test_nothing_that_an_audit_event_carries_raises(args: tuple[object, ...]) -> None:
    own_sockets._learn("socket.connect", args)


def test_a_closed_socket_does_not_raise() -> None:
    closed = socket.socket()
    closed.close()
    own_sockets._learn("socket.connect", (closed,))


@pytest.mark.parametrize(
    ("resolv_conf", "domains"),
    [
        (
            "nameserver 10.0.0.2\nsearch shop.svc.cluster.local SVC.cluster.local.\n",
            ["shop.svc.cluster.local", "svc.cluster.local"],
        ),
        ("domain a.example\nsearch b.example", ["b.example"]),
        ("search", []),
        ("nameserver 10.0.0.2", ["host.example"]),
        (None, ["host.example"]),
    ],
)
def test_a_name_is_ours_with_what_our_resolver_adds_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolv_conf: str | None, domains: list[str]
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "task.host.example")
    if resolv_conf is not None:
        (tmp_path / "resolv.conf").write_text(resolv_conf)
    own = OwnSockets(Procfs(), str(tmp_path / "resolv.conf"))
    own_sockets._learn("socket.getaddrinfo", ("Ingest.corp.example", 443))

    assert own.asks_for("ingest.corp.example")
    for domain in (
        "shop.svc.cluster.local",
        "svc.cluster.local",
        "a.example",
        "b.example",
        "host.example",
        "c2VjcmV0.evil.example",
    ):
        assert own.asks_for(f"ingest.corp.example.{domain}") is (domain in domains)
