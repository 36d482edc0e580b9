"""The table keeps the living, and the dead within their bounds."""

from collectors.process_table import (
    DEAD_KEPT,
    DEAD_KEPT_S,
    DEPTH,
    FORGOTTEN,
    HEAVY_BYTES,
    HEAVY_KEPT_BYTES,
    ProcessTable,
    Tracked,
    weight,
)
from sensor.model.events import Timestamp


def process(pid: int, parent: Tracked | None = None, ticks: int = 1) -> Tracked:
    return Tracked(pid, f"entity-{pid}-{ticks}", ticks, Timestamp(0), parent)


def test_the_dead_are_known_for_a_minute_and_no_longer() -> None:
    table = ProcessTable()
    table.add(first := process(10))
    table.end(first, now=100.0)
    assert table.living(10) is None
    assert table.last(10) is first
    assert table.entity(first.entity) is first
    table.add(second := process(11))
    table.end(second, now=100.0 + DEAD_KEPT_S + 1)
    assert table.last(10) is None
    assert table.entity(first.entity) is None
    assert table.last(11) is second


def test_the_dead_are_bounded_in_number() -> None:
    table = ProcessTable()
    for pid in range(DEAD_KEPT + 100):
        table.add(p := process(pid))
        table.end(p, now=1.0)
    assert sum(table.last(pid) is not None for pid in range(DEAD_KEPT + 100)) == DEAD_KEPT


def test_those_that_nobody_has_seen_alive_are_bounded_too() -> None:
    table = ProcessTable()
    for pid in range(DEAD_KEPT + 100):
        table.add_dead(process(pid), ended=1.0)
    assert sum(table.last(pid) is not None for pid in range(DEAD_KEPT + 100)) == DEAD_KEPT


def test_a_reused_pid_is_another_process() -> None:
    table = ProcessTable()
    table.add(old := process(10, ticks=1))
    table.end(old, now=1.0)
    table.add(new := process(10, ticks=2))
    assert table.living(10) is new
    assert table.last(10) is new
    assert table.entity(old.entity) is old
    table.end(old, now=2.0)
    assert table.living(10) is new


def test_ancestors_survive_their_own_end_nearest_first() -> None:
    table = ProcessTable()
    table.add(init := process(1))
    table.add(shell := process(2, init))
    shell.exe = "/bin/sh"
    table.add(child := process(3, shell))
    table.end(shell, now=1.0)
    assert [(a.pid, a.exe) for a in child.ancestors()] == [(2, "/bin/sh"), (1, None)]


def test_a_chain_of_forks_and_deaths_stays_bounded() -> None:
    table = ProcessTable()
    newest = process(1)
    table.add(newest)
    for pid in range(2, 500):
        child = process(pid, newest)
        table.add(child)
        table.end(newest, now=float(pid))
        newest = child
    reachable, at = 0, newest.parent
    while at is not None:
        reachable, at = reachable + 1, at.parent
    assert reachable <= DEPTH + 1


def test_deep_but_living_chains_lose_nothing() -> None:
    table = ProcessTable()
    chain = [process(1)]
    table.add(chain[0])
    for pid in range(2, 2 * DEPTH):
        chain.append(process(pid, chain[-1]))
        table.add(chain[-1])
    assert len(chain[-1].ancestors()) == DEPTH
    assert [a.pid for a in chain[DEPTH // 2].ancestors()][-1] == 1


def test_newest_first() -> None:
    table = ProcessTable()
    for pid in (5, 3, 9):
        table.add(process(pid))
    assert [p.pid for p in table.newest_first()] == [9, 3, 5]


def test_recent_ones_of_a_container_are_the_living_and_those_that_ended_since() -> None:
    table = ProcessTable()
    for pid in range(1, 6):
        table.add(one := process(pid))
        one.container = "app" if pid != 3 else "other"
    table.end(one := table.newest_first()[0], now=5.0)
    table.end(table.newest_first()[0], now=7.0)
    assert [p.pid for p in table.recent("app", 6.0, 10)] == [4, 2, 1]
    assert [p.pid for p in table.recent("app", 5.0, 10)] == [4, 5, 2, 1]
    assert [p.pid for p in table.recent("app", 0.0, 2)] == [4, 5]


def test_what_was_learnt_of_when_it_was_gone_stands_where_it_ended() -> None:
    table = ProcessTable()
    for pid, ended in ((1, 5.0), (2, 7.0), (3, 9.0)):
        table.add(one := process(pid))
        one.container = "app"
        table.end(one, now=ended)
    late = process(4)
    late.container = "app"
    table.add_dead(late, ended=6.0)
    assert [p.pid for p in table.recent("app", 0.0, 10)] == [3, 2, 4, 1]
    assert [p.pid for p in table.recent("app", 6.0, 10)] == [3, 2, 4]
    assert table.entity(late.entity) is table.last(4) is late


def weighed(table: ProcessTable, pid: int, args: tuple[str, ...]) -> Tracked:
    table.add(one := process(pid))
    one.args = args
    table.weigh(one)
    return one


def test_heavy_arguments_are_bounded_together_and_the_oldest_make_room() -> None:
    table = ProcessTable()
    all_of_them = [weighed(table, pid, ("sh", str(pid) * 16_384)) for pid in range(1000, 1400)]
    for one in all_of_them[::2]:
        table.end(one, now=1.0)
    assert sum(weight(one.args) for one in all_of_them) <= HEAVY_KEPT_BYTES
    assert (all_of_them[0].args, all_of_them[0].missing) == (None, (FORGOTTEN,))
    assert all_of_them[-1].args == ("sh", "1399" * 16_384)
    assert all_of_them[-1].missing == ()


def test_many_short_arguments_weigh_what_they_take() -> None:
    table = ProcessTable()
    words = [weighed(table, pid, tuple(f"{pid}{word}" for word in range(8_000))) for pid in range(1000, 1040)]
    assert sum(weight(one.args) for one in words) <= HEAVY_KEPT_BYTES


def test_ordinary_arguments_are_kept_whatever_the_others_do() -> None:
    table = ProcessTable()
    ordinary = weighed(table, 1, ("nginx", "-g", "x" * (HEAVY_BYTES // 2)))
    for pid in range(1000, 1400):
        weighed(table, pid, ("sh", "y" * 32_768))
    assert ordinary.args is not None


def test_a_program_that_was_read_since_keeps_its_own_arguments() -> None:
    table = ProcessTable()
    one = weighed(table, 1, ("sh", "y" * 32_768))
    one.args = ("true",)
    for pid in range(1000, 1400):
        weighed(table, pid, ("sh", "y" * 32_768))
    assert (one.args, one.missing) == (("true",), ())
