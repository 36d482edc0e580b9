"""What is kept of identities that no helper can be made for, or whose helpers end."""

import gc
import os
import socket

import pytest
from fakes import FakeClock

from collectors import helper_launcher
from collectors import helper_wire as wire
from collectors.helpers import FORGET_S, HANGS_TOLERATED, PAUSE_S, STARTS_PER_SECOND, STARTS_SAVED, Helpers
from collectors.launcher_link import LauncherAway, LauncherLink
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def helpers(clock: FakeClock) -> Helpers:
    return Helpers(None, Counters(), clock)


def ask(helpers: Helpers, uid: int) -> str:
    """Why there is no answer for this identity."""
    with pytest.raises(AccessDenied) as refused:
        helpers.links((uid, uid), 1, 1)
    return str(refused.value)


def test_refusals_stand_for_a_while_and_are_kept_no_longer(
    helpers: Helpers, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[bytes]()

    def refuse(_link: LauncherLink, request: bytes) -> tuple[bytes, list[int]]:
        asked.append(request)
        return wire.FAILED + b"no SETUID", []

    monkeypatch.setattr(LauncherLink, "ask", refuse)
    for uid in (7, 8, 7):
        assert ask(helpers, uid).endswith("no SETUID")
    assert len(asked) == 2
    clock.advance(PAUSE_S)
    ask(helpers, 9)
    assert list(helpers._refused) == [(9, 9)]


def test_helpers_that_ended_long_ago_are_not_kept_in_mind(
    helpers: Helpers, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_that_has_ended(_link: LauncherLink, _request: bytes) -> tuple[bytes, list[int]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.close()
        child = os.posix_spawn("/bin/true", ["true"], {})
        pidfd = os.pidfd_open(child)
        os.waitpid(child, 0)
        return wire.OK, [ours.detach(), pidfd]

    monkeypatch.setattr(LauncherLink, "ask", one_that_has_ended)
    for _ in range(HANGS_TOLERATED):
        ask(helpers, 7)
    assert ask(helpers, 7).endswith("keep hanging or dying")
    clock.advance(FORGET_S)
    ask(helpers, 8)
    assert list(helpers._hangs) == [(8, 8)]


def test_a_launcher_that_the_kernel_refused_at_the_start_is_started_when_it_is_needed(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> int:
        raise BlockingIOError(11, "a pids limit")

    anew = list[socket.socket]()

    def start_anew() -> tuple[socket.socket, int]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        anew.append(theirs)
        return ours, os.posix_spawn("/bin/true", ["true"], {})

    monkeypatch.setattr(os, "fork", refused)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    counters = Counters()
    link = LauncherLink(helper_launcher.start(), counters, clock.monotonic, start_anew)
    with pytest.raises(LauncherAway):
        link.ask(b"7 7")
    assert (len(anew), counters.losses) == (1, {"helper_lost": 1})
    link.close()
    anew[0].close()


def test_users_in_turn_have_no_more_helpers_started_than_may_be(
    helpers: Helpers, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is refused for that is refused for that moment, not for the pause of one that cannot be started."""
    asked = list[bytes]()

    def away(_link: LauncherLink, request: bytes) -> tuple[bytes, list[int]]:
        asked.append(request)
        raise LauncherAway("it is away")

    monkeypatch.setattr(LauncherLink, "ask", away)
    for uid in range(STARTS_SAVED):
        assert ask(helpers, uid) == "it is away"
    assert ask(helpers, 7).endswith("too many users in turn")
    assert helpers._counters.seen["helpers.spared"] == 1

    clock.advance(1 / STARTS_PER_SECOND)
    assert [ask(helpers, 7), ask(helpers, 7)[-22:]] == ["it is away", "too many users in turn"]
    assert len(asked) == STARTS_SAVED + 1
