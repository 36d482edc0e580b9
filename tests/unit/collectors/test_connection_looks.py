"""When connections are looked at again: soon where their owner may be found, together where nothing hurries."""

import pytest
from network_scene import NetworkScene, ended
from test_connection_attempts import OUT, RST, SYN_ACK, answers, opens, scene

from collectors.connection_attempts import LOOK_S, ORPHAN_S
from collectors.inet_diag import ESTABLISHED, SYN_SENT
from sensor.model.clock import TOGETHER_S

__all__ = ["scene"]


def test_nothing_is_due_while_nothing_waits(scene: NetworkScene) -> None:
    assert scene.attempts.next_due() is None
    opens(scene)
    due = scene.attempts.next_due()
    assert due is not None
    assert LOOK_S[1] <= due - scene.clock.monotonic() <= LOOK_S[1] + TOGETHER_S
    answers(scene)
    scene.wait(1)
    assert scene.attempts.next_due() is None


@pytest.mark.parametrize(("there", "stage"), [(True, 0), (False, 1)])
def test_who_has_a_connection_is_asked_again_soon_where_its_socket_is_there(
    scene: NetworkScene, there: bool, stage: int
) -> None:
    scene.task.end(42)
    opens(scene, there=there)
    due = scene.attempts.next_due()
    assert due is not None
    waits = due - scene.clock.monotonic()
    assert waits == pytest.approx(LOOK_S[0]) if stage == 0 else waits >= LOOK_S[1]


def test_what_begins_at_different_moments_is_looked_at_together(scene: NetworkScene) -> None:
    due = []
    for port in (50000, 50001, 50002):
        opens(scene, OUT._replace(cookie=port, src_port=port))
        due.append(scene.attempts.next_due())
        scene.clock.advance(0.01)

    assert len(set(due)) == 1


def test_nobody_wakes_up_for_a_connection_that_has_ended(scene: NetworkScene) -> None:
    opens(scene)
    answers(scene)
    scene.tracker.end(ended(OUT))
    assert scene.emitted.of("network.flow")
    assert scene.attempts.next_due() is None


def test_what_still_waits_is_due_though_what_came_before_it_has_ended(scene: NetworkScene) -> None:
    opens(scene)
    answers(scene)
    scene.clock.advance(TOGETHER_S)
    opens(scene, OUT._replace(cookie=2, src_port=50002))
    scene.tracker.end(ended(OUT))
    due = scene.attempts.next_due()

    assert due is not None
    assert due - scene.clock.monotonic() >= LOOK_S[1]


def test_the_end_that_waits_for_an_owner_is_due_after_a_while(scene: NetworkScene) -> None:
    two = [OUT._replace(src_port=port) for port in (50000, 50001)]
    for one in two:
        opens(scene, one, there=False)
        answers(scene, one)
    scene.wait(1)
    assert scene.attempts.next_due() is None
    first = scene.clock.monotonic() + ORPHAN_S
    for one in two:
        scene.tracker.end(ended(one))
        scene.clock.advance(0.2)
    due = scene.attempts.next_due()

    assert due is not None
    assert first - 0.001 <= due <= first + TOGETHER_S
    scene.clock.advance(first - 0.01 - scene.clock.monotonic())
    scene.attempts.settle()
    assert scene.emitted.of("network.flow") == []
    scene.wait(0.02)
    assert [network.src_port for network in scene.networks("network.flow")] == [50000]


@pytest.mark.parametrize(
    ("owned", "answer", "asked"), [(True, SYN_ACK, 0), (True, RST, 0), (True, None, 1), (False, SYN_ACK, 1)]
)
def test_what_is_known_is_not_asked_for_again(
    scene: NetworkScene, owned: bool, answer: int | None, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not owned:
        scene.task.end(42)
    opens(scene)
    if answer is not None:
        answers(scene, flags=answer)
    looks: list[object] = []
    monkeypatch.setattr(scene.attribution, "look_up", looks.append)
    scene.wait(LOOK_S[1 if owned else 0])
    assert len(looks) == asked


def test_a_connection_that_turns_out_to_be_the_sensors_is_counted_and_looked_at_no_more(scene: NetworkScene) -> None:
    scene.task.end(42)
    opens(scene)
    scene.own.cookies.add(OUT.cookie)
    scene.wait(LOOK_S[0])
    assert scene.counters.seen == {"own_sockets": 1}
    assert scene.attempts.next_due() is None
    scene.wait(1)
    assert scene.emitted.events == []


@pytest.mark.parametrize(("state", "outcome"), [(ESTABLISHED, "established"), (SYN_SENT, None)])
def test_a_look_tells_that_a_connection_is_open_though_its_answer_was_not_seen(
    scene: NetworkScene, state: int, outcome: str | None
) -> None:
    opens(scene, OUT._replace(state=state))
    scene.wait(LOOK_S[-1])
    scene.wait(LOOK_S[-1])
    assert [network.outcome for network in scene.networks("network.connect")] == [outcome]
