"""What runs as usual is folded, what is new never is, and nothing is lost on the way."""

from collections import Counter
from collections.abc import Callable

import pytest
from fold_bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from sensor.enrich import fold as fold_module
from sensor.enrich.fold import FIRST, FORGOTTEN_S, LONGEST_WINDOW_S, MOST_ENDS, MOST_PROGRAMS, WINDOW_S
from sensor.enrich.fold_key import fold_key
from sensor.model.events import Ancestor, Detection, Event, Evidence, File, Network, Process
from sensor.model.kinds import Kind


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def usual() -> Bench:
    """`sleep` has run often enough to be folded."""
    bench = Bench()
    bench.ran(FIRST)
    bench.told()
    return bench


def test_the_first_few_go_out_at_once_without_a_timer(bench: Bench) -> None:
    bench.ran(FIRST)
    assert [told.count for told in bench.told()] == [1] * 2 * FIRST
    assert bench.timers.set == 0


def test_the_rest_leave_as_one_when_the_window_ends_with_the_facts_of_the_last(usual: Bench) -> None:
    for _ in range(57):
        usual.ran(1)
        usual.timers.pass_time(0.5)
    assert usual.told() == []
    usual.timers.pass_time(WINDOW_S)
    exec_, exit_ = usual.released
    assert usual.told() == [("exec", f"sleep{FIRST + 57}", 57), ("exit", f"sleep{FIRST + 57}", 57)]
    assert exec_.time == exit_.time == usual.timers.clock.wall() - int((WINDOW_S + 0.5) * 1e9)
    assert exec_.evidence == Evidence("cursor")
    assert usual.counters.seen["folded"] == 2 * 56
    assert usual.timers.waiting == []


def test_at_the_end_nothing_stays_held(usual: Bench) -> None:
    usual.ran(4)
    usual.started()
    usual.fold.flush()
    assert [told.count for told in usual.told()] == [1, 4, 4]
    assert usual.timers.waiting == []
    usual.fold.flush()
    assert usual.told() == []


def test_a_program_that_goes_on_stays_folded_in_windows_that_grow(usual: Bench) -> None:
    gaps, start = [], usual.timers.clock.monotonic()
    while len(gaps) < 5:
        usual.ran(1)
        usual.timers.pass_time(20)
        if usual.told():
            now = usual.timers.clock.monotonic()
            gaps.append(round(now - start))
            start = now
    assert gaps == [60, 120, 240, 300, LONGEST_WINDOW_S]


def test_a_program_that_has_not_come_for_long_is_new_again(usual: Bench) -> None:
    usual.timers.pass_time(FORGOTTEN_S + 1)
    usual.ran(FIRST)
    assert len(usual.told()) == 2 * FIRST


def test_every_thirty_seconds_is_often_enough(bench: Bench) -> None:
    for _ in range(120):
        bench.ran(1)
        bench.timers.pass_time(30)
    bench.fold.flush()
    assert len(bench.released) < 50
    assert sum(event.count for event in bench.released) == 240


def test_every_five_minutes_is_not(bench: Bench) -> None:
    for _ in range(6):
        bench.ran(1)
        bench.timers.pass_time(300)
    assert [told.count for told in bench.told()] == [1] * 12


def test_another_program_is_never_folded_into_this_one(usual: Bench) -> None:
    usual.ran(2)
    usual.started("nc")
    assert [told.entity[:2] for told in usual.told()] == ["nc"]


def test_another_exit_code_is_told_with_its_exec(usual: Bench) -> None:
    usual.ran(2)
    usual.ended(usual.started(), code=1)
    last = f"sleep{usual.runs}"
    assert usual.told() == [("exec", last, 1), ("exit", last, 1)]


def test_each_way_to_end_that_is_known_has_a_count_of_its_own(usual: Bench) -> None:
    usual.ended(usual.started(), code=1)
    usual.told()
    usual.ran(5)
    usual.ran(2, code=1)
    usual.fold.flush()
    assert [(told.kind, told.count) for told in usual.told()] == [("exec", 5), ("exit", 5), ("exec", 2), ("exit", 2)]


def test_too_many_ways_to_end_are_told_each(usual: Bench) -> None:
    for code in range(1, MOST_ENDS + 5):
        usual.ended(usual.started(), code)
    usual.told()
    usual.ran(2, code=MOST_ENDS + 4)
    assert len(usual.told()) == 4


def test_the_exit_of_what_was_told_of_is_told_whenever_it_comes(bench: Bench) -> None:
    early = [bench.started() for _ in range(FIRST)]
    bench.ended(early[0])
    bench.ran(3)
    bench.told()
    for process in early[1:]:
        bench.ended(process)
    assert bench.told() == [("exit", process.entity, 1) for process in early[1:]]


def test_what_still_runs_when_the_window_ends_is_told_and_so_is_its_end(usual: Bench) -> None:
    usual.ran(2)
    alive = usual.started()
    usual.timers.pass_time(WINDOW_S)
    assert usual.told() == [("exec", alive.entity, 1), ("exec", "sleep5", 2), ("exit", "sleep5", 2)]
    usual.ended(alive)
    assert usual.told() == [("exit", alive.entity, 1)]


def test_a_new_program_is_told_with_those_above_it(bench: Bench) -> None:
    for _ in range(FIRST + 2):
        shell = bench.started("sh")
        bench.ended(bench.started("curl", shell))
        bench.ended(shell)
    bench.told()
    shell = bench.started("sh")
    curl = bench.started("curl", shell)
    assert bench.told() == []
    new = bench.started("nc", curl, shell)
    assert bench.told() == [("exec", p.entity, 1) for p in (shell, curl, new)]
    for process in (new, curl, shell):
        bench.ended(process)
    assert [told.entity for told in bench.told()] == [new.entity, curl.entity, shell.entity]


def test_a_tree_that_is_folded_stays_whole(bench: Bench) -> None:
    for _ in range(50):
        shell = bench.started("sh")
        bench.timers.pass_time(0.01)
        bench.ended(bench.started("curl", shell))
        bench.ended(shell)
        bench.timers.pass_time(2)
    bench.fold.flush()
    told = {event.process.entity for event in bench.released if event.process}
    above = {a.entity for event in bench.released if event.process for a in event.process.ancestors}
    assert above <= told


def test_a_chain_of_programs_in_one_process_is_folded_whole(bench: Bench) -> None:
    for _ in range(FIRST + 5):
        bench.ended(bench.became(bench.started("sh"), "curl"))
    bench.told()
    bench.fold.flush()
    last = f"sh{FIRST + 5}"
    assert sorted(bench.told()) == [("exec", last, 5), ("exec", last, 5), ("exit", last, 5)]


def test_a_chain_that_takes_another_turn_is_told_whole(usual: Bench) -> None:
    process = usual.started()
    assert usual.told() == []
    usual.ended(usual.became(process, "nc"))
    assert [told.kind for told in usual.told()] == ["exec", "exec", "exit"]


def test_a_process_that_was_told_of_goes_on_being_told_of(usual: Bench) -> None:
    usual.ended(usual.became(usual.started("new"), "sleep"))
    assert [told.kind for told in usual.told()] == ["exec", "exec", "exit"]


@pytest.mark.parametrize(("kind", "told"), [(Kind.PROCESS_IDENTITY, 2), (Kind.DETECTION, 2), (Kind.NETWORK_CONNECT, 1)])
def test_news_of_a_held_process_tell_of_it_first(usual: Bench, kind: Kind, told: int) -> None:
    process = usual.started()
    usual.fold.put(usual.event(kind, process))
    assert len(usual.told()) == told


def test_news_of_a_process_whose_program_was_not_told_tell_of_those_above_it_first(usual: Bench) -> None:
    parent = usual.started()
    child = Process("unseen", 999, ancestors=(Ancestor(parent.entity, parent.pid, parent.exe),))
    usual.fold.put(usual.event(Kind.DETECTION, child))
    assert [told.entity for told in usual.told()] == [parent.entity, "unseen"]


def test_what_is_no_process_passes_through(usual: Bench) -> None:
    others = [
        usual.event(Kind.FILE_CREATE, None)._replace(file=File("/a")),
        usual.event(Kind.NETWORK_FLOW, usual.started())._replace(network=Network()),
        usual.event(Kind.DETECTION, None)._replace(detection=Detection("r", "t", "low")),
        usual.event(Kind.PROCESS_EXEC, None),
    ]
    for event in others:
        usual.fold.put(event)
    assert usual.released == others


def test_what_was_not_read_is_never_folded(bench: Bench) -> None:
    for _ in range(20):
        bench.ended(bench.started(source="open_hint"))
    assert len(bench.told()) == 40


def test_no_timer_stays_when_what_was_held_was_told_after_all(usual: Bench) -> None:
    usual.ended(usual.started(), code=9)
    assert usual.timers.waiting == []


def test_a_window_that_ends_sooner_is_not_kept_waiting_by_a_longer_one(usual: Bench) -> None:
    usual.ran(1)
    usual.timers.pass_time(WINDOW_S)
    usual.ran(1)  # in a window of two minutes
    usual.ran(FIRST + 1, "date")
    usual.told()
    usual.timers.pass_time(WINDOW_S)
    assert {told.entity[:4] for told in usual.told()} == {"date"}


def test_each_window_ends_in_its_time_though_nothing_more_comes(usual: Bench) -> None:
    usual.ran(FIRST, "date")
    usual.told()
    usual.ran(1)
    usual.timers.pass_time(10)
    usual.ran(1, "date")
    usual.timers.pass_time(WINDOW_S - 10)
    assert {told.entity[:5] for told in usual.told()} == {"sleep"}
    usual.timers.pass_time(10)
    assert {told.entity[:4] for told in usual.told()} == {"date"}


def test_nothing_is_kept_of_windows_that_are_over(usual: Bench) -> None:
    usual.ran(1)
    usual.ended(usual.started(), code=9)
    usual.timers.pass_time(WINDOW_S)
    assert (usual.fold._open, usual.fold._held) == ({}, {})


def test_windows_that_end_within_a_second_end_together(bench: Bench) -> None:
    bench.ran(FIRST, "sh")
    bench.ran(FIRST, "curl")
    bench.ran(1, "sh")
    bench.timers.pass_time(0.5)
    bench.ran(1, "curl")
    bench.told()
    bench.timers.pass_time(WINDOW_S - 0.5)
    assert [told.entity[:2] for told in bench.told()] == ["sh", "sh", "cu", "cu"]
    assert bench.timers.set == 1


def test_programs_are_remembered_within_bounds(usual: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "MOST_ROUTINES", 4)
    usual.ran(2)
    usual.started()
    for n in range(4):
        usual.started(f"new{n}")
    told = usual.told()
    assert [each.count for each in told if each.entity.startswith("sleep")] == [1, 2, 2]
    usual.started()
    assert len(usual.told()) == 1, "it counts as new again"


def test_few_processes_are_held_at_once(usual: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "MOST_RUNNING", 2)
    held = [usual.started() for _ in range(5)]
    assert [told.entity for told in usual.told()] == [process.entity for process in held[2:]]


def test_a_process_that_executes_itself_again_and_again_is_told_of_and_little_of_it_is_held(usual: Bench) -> None:
    process, held = usual.started(), []
    for _ in range(999):
        usual.became(process, "sleep")
        held.append(len(usual.fold._held.get(process.entity, ())))
    assert max(held) == MOST_PROGRAMS
    assert usual.told() == [("exec", process.entity, 1)] * 1000
    usual.ended(process)
    assert usual.told() == [("exit", process.entity, 1)]
    assert usual.timers.waiting == []


def test_few_of_the_told_are_remembered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "MOST_TOLD", 2)
    processes, remembered = list[Process](), list[int]()
    for n in range(FIRST):
        processes.append(bench.started(f"new{n}"))
        remembered.append(len(bench.fold._told))
    assert remembered == [1, 2, 2]
    for process in processes:
        bench.ended(process)
    assert len(bench.told()) == 2 * FIRST


Act = Callable[[Bench, list[Process]], None]


def _start(program: str) -> Act:
    return lambda bench, alive: alive.append(bench.started(program, *reversed(alive[-1:])))


def _become(program: str) -> Act:
    return lambda bench, alive: alive.append(bench.became(alive.pop(), program)) if alive else None


def _end(code: int) -> Act:
    return lambda bench, alive: bench.ended(alive.pop(0), code) if alive else None


def _news(bench: Bench, alive: list[Process]) -> None:
    if alive:
        bench.fold.put(bench.event(Kind.PROCESS_IDENTITY, alive[0]))


acts: st.SearchStrategy[Act] = st.one_of(
    st.sampled_from("abc").map(_start),
    st.sampled_from("abc").map(_become),
    st.sampled_from([0, 0, 0, 1]).map(_end),
    st.sampled_from([1.0, 30.0, 59.5, 60.0, 130.0]).map(lambda s: lambda bench, alive: bench.timers.pass_time(s)),
    st.just(_news),
    st.just(lambda bench, alive: bench.fold.flush()),
)


@given(st.lists(acts, max_size=120))
def test_whatever_happens_all_leaves_once_and_what_is_new_at_once(script: list[Act]) -> None:
    bench, alive, put, seen = Bench(), [], [], set()
    forward = bench.fold.put

    def put_and_check(event: Event) -> None:
        put.append(event)
        forward(event)
        if event.kind is Kind.PROCESS_IDENTITY or fold_key(event) not in seen:
            assert event in bench.released
        seen.add(fold_key(event))

    bench.fold.put = put_and_check  # type: ignore[method-assign]  # to look at every event on its way
    for act in script:
        act(bench, alive)
    bench.fold.flush()
    assert bench.timers.waiting == []
    assert _occurrences(bench.released) == _occurrences(put)
    assert {e.process for e in bench.released} <= {e.process for e in put}
    executed = {e.process.entity for e in bench.released if e.process and e.kind is Kind.PROCESS_EXEC}
    assert {e.process.entity for e in bench.released if e.process} <= executed


def _occurrences(events: list[Event]) -> Counter[bytes | None]:
    counts: Counter[bytes | None] = Counter()
    for event in events:
        counts[fold_key(event)] += event.count
    return counts
