"""Queries and answers that belong together, that come twice or alone, and floods of them."""

import dns_bytes as dns
import pytest
from dns_bytes import address, answer, header, query
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from collectors.dns_exchanges import MOST, MOST_ALIKE, MOST_WAIT_S, UNANSWERED_S, UNTRACKED, Client, Exchange, Exchanges
from collectors.dns_message import DnsMessage, Question, parse
from sensor.model.counters import Counters

CLIENT = Client("udp", "192.0.2.10", 40_000)
SERVER, OTHER = "192.0.2.53", "192.0.2.54"
QUESTION = Question("www.example.org", "A")


def message(data: bytes) -> DnsMessage:
    parsed = parse(data)
    assert parsed is not None
    return parsed


ASK, REPLY = message(query()), message(answer(address("192.0.2.1")))
FORGED = message(answer(address("198.51.100.66")))


class Scene:
    """Exchanges among fakes; owners are texts."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counters = Counters()
        self.exchanges: Exchanges[str] = Exchanges(clock=self.clock, counters=self.counters)

    def ask(self, asked: DnsMessage = ASK, owner: str | None = "curl", client: Client = CLIENT) -> None:
        self.exchanges.query(client, SERVER, asked, owner)

    def reply(self, reply: DnsMessage = REPLY, server: str = SERVER) -> Exchange[str] | None:
        return self.exchanges.answer(CLIENT, server, reply)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_answer_is_told_with_who_asked_and_how_long_it_took(scene: Scene) -> None:
    scene.ask()
    scene.clock.advance(0.25)

    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY, "curl", 0.25)
    assert (len(scene.exchanges), scene.exchanges.next_due()) == (0, None)


def test_an_answer_without_its_query_stands_by_itself(scene: Scene) -> None:
    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY)


@pytest.mark.parametrize(
    "other",
    [CLIENT._replace(port=40_001), CLIENT._replace(address="192.0.2.11"), CLIENT._replace(transport="tcp")],
)
def test_the_answer_to_another_client_is_another_exchange(scene: Scene, other: Client) -> None:
    scene.ask(client=other)
    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY)


@pytest.mark.parametrize("asked", [query(2), query(1, "api.example.org"), query(1, kind=dns.AAAA)])
def test_the_answer_to_another_question_is_another_exchange(scene: Scene, asked: bytes) -> None:
    scene.ask(message(asked))
    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY)


def test_a_query_that_stays_unanswered_is_told_once(scene: Scene) -> None:
    scene.ask()
    scene.clock.advance(UNANSWERED_S - 0.1)
    assert scene.exchanges.due() == []
    assert scene.exchanges.next_due() == pytest.approx(scene.clock.monotonic() + 0.1)
    scene.clock.advance(0.2)

    assert scene.exchanges.due() == [Exchange(CLIENT, SERVER, QUESTION, None, "curl")]
    assert scene.exchanges.due() == []


def test_a_query_that_is_sent_again_is_one_query_from_its_first_owner_to_its_last_server(scene: Scene) -> None:
    scene.ask()
    scene.clock.advance(5)
    scene.exchanges.query(CLIENT, OTHER, ASK, "someone else")
    scene.clock.advance(1)
    assert scene.exchanges.due() == []
    scene.clock.advance(UNANSWERED_S)
    assert scene.exchanges.due() == [Exchange(CLIENT, OTHER, QUESTION, None, "curl")]


def test_an_owner_that_was_found_only_the_second_time_counts(scene: Scene) -> None:
    scene.ask(owner=None)
    scene.ask()
    told = scene.reply()
    assert told is not None
    assert told.owner == "curl"


def test_a_query_that_is_sent_again_and_again_is_told_in_the_end(scene: Scene) -> None:
    begin = scene.clock.monotonic()
    told: list[Exchange[str]] = []
    while not told:
        scene.ask()
        scene.clock.advance(1)
        told = scene.exchanges.due()
    assert scene.clock.monotonic() - begin <= MOST_WAIT_S + 1


def test_what_was_answered_is_not_answered_again_nor_asked_again(scene: Scene) -> None:
    scene.ask()
    assert scene.reply() is not None
    scene.ask()
    assert scene.reply(server=OTHER) is None
    scene.clock.advance(UNANSWERED_S + 1)
    assert scene.exchanges.due() == []


def test_an_answer_that_says_something_else_is_told_as_well(scene: Scene) -> None:
    scene.ask()
    assert scene.reply(FORGED, OTHER) == Exchange(CLIENT, OTHER, QUESTION, FORGED, "curl", 0.0)
    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY, "curl", None)
    assert scene.reply() is None


def test_the_same_numbers_are_another_query_after_a_while(scene: Scene) -> None:
    scene.ask()
    scene.reply()
    scene.clock.advance(UNANSWERED_S)
    scene.ask()
    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY, "curl", 0.0)


def test_an_answer_without_a_question_belongs_to_the_query_of_its_number(scene: Scene) -> None:
    refused = message(header(1, dns.RESPONSE | 1, (0, 0, 0, 0)))
    scene.ask(message(query(2, "api.example.org")))
    scene.ask()
    scene.ask(message(query(3, "www.example.org")))
    assert scene.reply(refused) == Exchange(CLIENT, SERVER, QUESTION, refused, "curl", 0.0)
    assert scene.reply(refused) == Exchange(CLIENT, SERVER, None, refused)
    assert len(scene.exchanges) == 2


def test_an_answer_without_a_question_belongs_to_nobody_elses_query(scene: Scene) -> None:
    refused = message(header(1, dns.RESPONSE | 1, (0, 0, 0, 0)))
    scene.ask()
    other = CLIENT._replace(port=CLIENT.port + 1)
    assert scene.exchanges.answer(other, SERVER, refused) == Exchange(other, SERVER, None, refused)
    assert len(scene.exchanges) == 1


def test_what_has_been_answered_differently_is_remembered_no_longer_for_it(scene: Scene) -> None:
    scene.ask()
    scene.reply(FORGED, OTHER)
    scene.clock.advance(UNANSWERED_S - 1)
    assert scene.reply() is not None
    scene.clock.advance(1)
    assert scene.reply() == Exchange(CLIENT, SERVER, QUESTION, REPLY)


def test_what_asks_nothing_is_counted_alone(scene: Scene) -> None:
    scene.ask(message(header(1, 0, (0, 0, 0, 0))))
    scene.ask(message(header(1, 5 << 11) + dns.question()))
    assert len(scene.exchanges) == 0
    assert dict(scene.counters.losses) == {UNTRACKED: 2}


def test_a_flood_of_one_question_leaves_room_for_others(scene: Scene) -> None:
    for ident in range(MOST_ALIKE + 10):
        scene.ask(message(query(ident)))
    scene.ask(message(query(1, "api.example.org")))
    assert len(scene.exchanges) == MOST_ALIKE + 1
    assert dict(scene.counters.losses) == {UNTRACKED: 10}

    late = message(answer(address("192.0.2.1"), ident=MOST_ALIKE + 5))
    assert scene.reply(late) == Exchange(CLIENT, SERVER, QUESTION, late)
    scene.reply()
    scene.ask(message(query(9999)))
    assert dict(scene.counters.losses) == {UNTRACKED: 10}


def test_a_flood_of_questions_forgets_the_oldest(scene: Scene) -> None:
    for n in range(MOST + 5):
        scene.ask(message(query(n, f"{n}.example.org")))
    assert len(scene.exchanges) == MOST
    assert dict(scene.counters.losses) == {UNTRACKED: 5}
    scene.clock.advance(UNANSWERED_S)
    assert scene.exchanges.due()[0].question == Question("5.example.org", "A")


STEPS = st.tuples(
    st.sampled_from(["query", "answer", "due"]),
    st.sampled_from([ASK, message(query(1, "b.example.org")), message(query(2)), REPLY, FORGED,
                     message(header(1, dns.RESPONSE, (0, 0, 0, 0)))]),
    st.sampled_from([0.0, 0.1, 3.0, 6.0]),
)  # fmt: skip


@given(st.lists(STEPS, max_size=80))
def test_each_query_is_told_once_or_still_waits(steps: list[tuple[str, DnsMessage, float]]) -> None:
    scene = Scene()
    begun = told = 0
    for kind, what, wait in steps:
        scene.clock.advance(wait)
        before = len(scene.exchanges)
        if kind == "query":
            scene.ask(what)
            begun += len(scene.exchanges) - before
        elif kind == "answer":
            scene.reply(what)
            told += before - len(scene.exchanges)
        else:
            told += len(scene.exchanges.due())
        assert begun == told + len(scene.exchanges)
        assert (scene.exchanges.next_due() is None) == (len(scene.exchanges) == 0)
    scene.clock.advance(UNANSWERED_S)
    assert begun == told + len(scene.exchanges.due())
    assert not scene.exchanges._alike
