"""What is skipped in a storm, by a clock and a use of CPU that the test makes."""

import socket

import pytest
from fakes import FakeClock
from network_scene import storm_of

from collectors.inet_diag import TCP, UDP, address_bytes
from collectors.network_skip import FOLLOW_ALL, Server, Skip
from collectors.network_storm import CONNECTIONS, DATAGRAMS, FORGET_S, MOST_SERVERS, PERIOD_S, TOLD_S, Tally
from collectors.pace import OTHERS
from collectors.socket_counts import Opened
from sensor.model.counters import Counters

RATE = OTHERS.share
"""CPU seconds a second, with one core."""


def at(n: int, port: int = 443) -> Server:
    return Server(socket.AF_INET, address_bytes(f"198.51.100.{n}"), port)


class Scene:
    """A storm, told what it is about to see; `opened` is what the kernel counts."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counters = Counters()
        self.opened: Opened | None = Opened(1000, 5000, 0)
        self.cpu_s = 0.0
        self.filters: list[Skip] = []
        self.refused = 0
        self.storm = storm_of(self)
        self.storm.listen(self.set_filter)

    def set_filter(self) -> None:
        if self.refused:
            self.refused -= 1
            raise OSError(12, "Cannot allocate memory")
        self.filters.append(self.storm.skip)

    def work(self, seconds: float) -> None:
        with self.storm.share.working():
            self.cpu_s += seconds

    def overdraw(self, *servers: Server) -> None:
        for one in servers:
            self.storm.came(one)
        self.work(RATE * OTHERS.saved_s * 1.001)
        self.storm.look()

    def save_up(self) -> None:
        self.clock.advance(1.2 + 0.001 * OTHERS.saved_s)
        self.storm.look()


def test_within_the_share_all_is_followed() -> None:
    scene = Scene()
    scene.storm.came(at(1))
    scene.work(RATE * OTHERS.saved_s * 0.999)
    scene.storm.look()
    assert (scene.storm.skip, scene.filters) == (FOLLOW_ALL, [])
    assert not scene.storm.skips(TCP, at(1))
    assert not scene.counters.losses


def test_what_comes_most_is_skipped_until_there_is_room_again_and_then_told_by_the_kernels_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.overdraw(at(1), at(1), at(1), at(2), at(2), *(at(n) for n in range(100, 104)))
    assert scene.storm.skip == Skip(frozenset({at(1), at(2)}))
    assert (scene.storm.skips(TCP, at(2), at(9)), scene.storm.skips(TCP, at(9))) == (True, False)
    assert not scene.storm.skips(UDP, at(1)), "datagrams only of DNS"
    assert "198.51.100.1 port 443, 198.51.100.2 port 443" in caplog.text
    assert scene.counters.losses == {CONNECTIONS: 1}, "what was passed over; the kernel's count comes at the end"
    assert not scene.storm.unheard

    scene.opened = Opened(1300, 9000, 0)
    scene.save_up()
    assert scene.storm.skip == FOLLOW_ALL
    assert scene.filters == [Skip(frozenset({at(1), at(2)})), FOLLOW_ALL]
    assert scene.storm.unheard
    assert scene.counters.losses == {CONNECTIONS: 301}, "no datagram was skipped"


@pytest.mark.parametrize("servers", [[at(n) for n in range(100)], []])
def test_where_no_few_servers_make_it_up_everything_goes_by(servers: list[Server]) -> None:
    scene = Scene()
    scene.overdraw(*servers)
    assert scene.storm.skip == Skip(everything=True)
    assert scene.storm.skips(TCP, at(250))
    assert scene.storm.skips(UDP, at(250))
    scene.opened = Opened(1001, 5002, 0)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 2, DATAGRAMS: 3}


@pytest.mark.parametrize(
    ("came", "skipped"),
    [
        ([at(1)] * 8 + [at(n) for n in range(100, 108)], {at(1)}),
        ([at(1)] * 8 + [at(n) for n in range(100, 109)], None),
        ([at(1)] * 7 + [at(2)] * 2 + [at(n) for n in range(100, 107)], {at(1), at(2)}),
        ([at(1)] * 9 + [at(2)] * 2 + [at(n) for n in range(100, 107)], {at(1)}),
        ([at(n) for n in range(MOST_SERVERS + 1)], {at(n) for n in range(MOST_SERVERS)}),
    ],
    ids=["half", "less than half", "an eighth", "less than an eighth", "more than fit into the filters"],
)
def test_of_what_came_these_are_skipped(came: list[Server], skipped: set[Server] | None) -> None:
    scene = Scene()
    scene.overdraw(*came)
    assert scene.storm.skip == (Skip(everything=True) if skipped is None else Skip(frozenset(skipped)))


def test_datagrams_count_where_a_server_of_dns_was_skipped() -> None:
    scene = Scene()
    scene.overdraw(at(1, 53))
    assert scene.storm.skips(UDP, at(1, 53))
    scene.opened = Opened(1000, 5100, 0)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 0, DATAGRAMS: 101}
    scene.overdraw(at(1))
    scene.opened = Opened(1000, 9999, 0)
    scene.save_up()
    assert scene.counters.losses[DATAGRAMS] == 101


def test_where_the_rest_is_too_much_as_well_everything_goes_by_but_not_for_what_was_left_from_before() -> None:
    scene = Scene()
    scene.overdraw(at(1))
    for expected in (False, True):
        scene.work(RATE * PERIOD_S * 2)
        scene.clock.advance(PERIOD_S)
        scene.storm.look()
        assert scene.storm.skip.everything is expected
    assert len(scene.filters) == 2


def test_within_a_period_nothing_more_is_skipped_and_more_than_everything_never() -> None:
    scene = Scene()
    scene.overdraw(at(1))
    for _ in range(9):
        scene.work(RATE * PERIOD_S)
        scene.clock.advance(PERIOD_S / 10)
        scene.storm.look()
    assert scene.filters == [Skip(frozenset({at(1)}))]
    for _ in range(9):
        scene.work(RATE * PERIOD_S * 3)
        scene.clock.advance(PERIOD_S * 2)
        scene.storm.look()
    assert scene.filters[1:] == [Skip(everything=True)]


def test_the_log_has_it_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.overdraw()
    scene.save_up()
    scene.work(RATE * 5)
    scene.storm.look()
    scene.clock.advance(TOLD_S)
    scene.storm.look()
    scene.overdraw()
    assert scene.filters == [Skip(everything=True), FOLLOW_ALL] * 2 + [Skip(everything=True)]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["more comes over the network than may be followed; for moments it goes by: all of it"] * 2


def test_a_period_within_the_share_keeps_what_is_skipped() -> None:
    scene = Scene()
    scene.overdraw(at(1))
    for used in (2, 0.5, 2, 0.5):
        scene.work(RATE * PERIOD_S * 2 * used)
        scene.clock.advance(PERIOD_S * 2)
        scene.storm.look()
    assert scene.storm.skip == Skip(frozenset({at(1)}))


def test_what_came_a_moment_ago_says_what_comes_most() -> None:
    scene = Scene()
    for _ in range(50):
        scene.storm.came(at(1))
    scene.clock.advance(FORGET_S * 0.9)
    scene.storm.look()
    scene.overdraw(at(2))
    assert scene.storm.skip == Skip(frozenset({at(1)}))


def test_what_came_long_ago_does_not_say_what_comes_most() -> None:
    scene = Scene()
    for _ in range(50):
        scene.storm.came(at(1))
    scene.clock.advance(FORGET_S)
    scene.storm.look()
    scene.overdraw(at(2))
    assert scene.storm.skip == Skip(frozenset({at(2)}))


def test_counts_that_cannot_be_read_are_told_later_and_then_with_all_that_came() -> None:
    scene = Scene()
    scene.overdraw(at(1))
    scene.opened = None
    scene.save_up()
    assert not scene.counters.losses
    scene.overdraw(at(1))
    scene.save_up()
    scene.opened = Opened(1500, 5000, 0)
    scene.storm.look()
    assert scene.counters.losses == {CONNECTIONS: 500}
    scene.storm.look()
    assert scene.counters.losses == {CONNECTIONS: 500}


def test_counts_that_could_not_be_read_before_bound_what_went_by_from_the_last_that_could() -> None:
    scene = Scene()
    scene.opened = None
    scene.overdraw(at(1))
    scene.opened = Opened(700, 5000, 0)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 700}, "since boot"
    scene.clock.advance(OTHERS.saved_s)
    scene.opened = None
    scene.overdraw(at(1))
    scene.opened = Opened(720, 5000, 0)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 720}


def test_ends_that_came_too_late_for_a_filter_count_though_their_connections_began_before_it() -> None:
    scene = Scene()
    scene.opened = Opened(1000, 5000, 900)
    scene.storm.hear_ends(True)
    scene.storm.ended()
    scene.storm.ended(99)
    scene.opened = Opened(1500, 5000, 1400)
    scene.overdraw(at(1))
    scene.opened = Opened(1600, 5000, 1450)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 1450 - 900 - 100}

    scene.storm.ended(10)
    scene.clock.advance(OTHERS.saved_s)
    scene.overdraw(at(1))
    scene.opened = Opened(1610, 5000, 1500)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 450 + 1500 - 1450 - 10}, "since they were told last"


@pytest.mark.parametrize("hears", [True, False])
def test_what_was_opened_meanwhile_is_the_least_that_is_counted_and_all_where_no_ends_are_heard(hears: bool) -> None:
    scene = Scene()
    scene.storm.hear_ends(True)
    scene.storm.hear_ends(hears)
    scene.storm.ended(999 if hears else 0)
    scene.overdraw(at(1))
    scene.opened = Opened(1100, 5000, 700)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 100}


def test_where_the_kernels_counts_could_not_be_read_at_first_what_was_opened_meanwhile_is_counted() -> None:
    scene = Scene()
    scene.opened = None
    scene.storm.hear_ends(True)
    scene.opened = Opened(1000, 5000, 900)
    scene.overdraw(at(1))
    scene.opened = Opened(1100, 5000, 950)
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 100}


def test_what_went_by_is_counted_when_a_collector_ends_and_not_once_more() -> None:
    scene = Scene()
    scene.storm.tell()
    scene.overdraw(at(1))
    scene.opened = Opened(1100, 5000, 0)
    scene.storm.tell()
    assert scene.counters.losses == {CONNECTIONS: 100}
    scene.save_up()
    assert scene.counters.losses == {CONNECTIONS: 100}


def test_a_filter_that_the_kernel_refuses_is_set_at_the_next_look_and_what_went_by_until_then_counts() -> None:
    scene = Scene()
    scene.overdraw(at(1))
    scene.refused = 1
    scene.save_up()
    assert scene.filters == [Skip(frozenset({at(1)}))]
    assert not scene.counters.losses
    assert scene.counters.seen["network.filters_refused"] == 1
    scene.opened = Opened(1010, 5000, 0)
    scene.storm.look()
    assert scene.filters[1:] == [FOLLOW_ALL]
    assert scene.counters.losses == {CONNECTIONS: 10}


def test_who_listens_no_more_is_not_called() -> None:
    scene = Scene()
    scene.storm.unlisten(scene.set_filter)
    scene.overdraw(at(1))
    assert scene.filters == []


def test_the_tally_has_what_comes_most_whatever_else_comes() -> None:
    tally = Tally(size=4)
    for n in range(1000):
        tally.add(at(2, port=n), *([at(1)] if n % 2 else []))
    assert tally.total == 1000
    (most, times), *_ = tally.most(1)
    assert most == at(1)
    assert 500 - 1500 / 5 <= times <= 500


def test_the_tally_holds_no_more_than_its_size() -> None:
    tally = Tally(size=4)
    tally.add(*(at(n) for n in range(4)))
    assert len(tally.most(9)) == 4
    tally.add(at(9))
    assert tally.most(9) == [], "one of each goes with the one that found no room"
