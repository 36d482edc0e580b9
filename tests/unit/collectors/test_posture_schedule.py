"""When which container is looked at."""

from collectors.posture_schedule import AGAIN_S, FIRST_S, MOST_PROGRAMS, ROUND_S, SECOND_S, Schedule


def looked(schedule: Schedule, now: float) -> Schedule:
    schedule.came("a", now - FIRST_S)
    assert schedule.take(now) == "a"
    return schedule


def test_a_container_is_looked_at_soon_a_minute_later_and_then_seldom() -> None:
    schedule = Schedule()
    assert schedule.next_due() is None
    schedule.came("a", 100)
    assert schedule.next_due() == 100 + FIRST_S
    assert schedule.take(100) is None
    assert schedule.take(100 + FIRST_S) == "a"
    assert schedule.take(100 + FIRST_S) is None
    assert schedule.next_due() == 100 + FIRST_S + SECOND_S
    assert schedule.take(1000) == "a"
    assert schedule.next_due() == 1000 + ROUND_S


def test_what_is_due_for_longest_comes_first() -> None:
    schedule = Schedule()
    schedule.came("b", 1)
    schedule.came("a", 2)
    assert [schedule.take(1000), schedule.take(1000), schedule.take(1000)] == ["b", "a", None]


def test_a_new_program_brings_the_next_look_nearer_once() -> None:
    schedule = looked(Schedule(), 100)
    assert schedule.ran("a", "/bin/new", 101)
    assert schedule.next_due() == 100 + AGAIN_S
    assert not schedule.ran("a", "/bin/new", 102)
    assert not schedule.ran("a", "/bin/newer", 103), "the look that is due covers it"
    assert schedule.take(100 + AGAIN_S) == "a"
    assert schedule.take(100 + SECOND_S) == "a"
    assert not schedule.ran("a", "/bin/new", 500)
    assert schedule.ran("a", "/bin/newest", 500)
    assert schedule.next_due() == 500 + FIRST_S


def test_a_new_program_in_the_first_minute_leaves_the_look_after_a_minute_where_it_is() -> None:
    schedule = looked(Schedule(), 5)
    assert schedule.ran("a", "/usr/bin/x", 10)
    assert schedule.take(5 + AGAIN_S) == "a"
    assert schedule.next_due() == 5 + SECOND_S
    assert schedule.take(5 + SECOND_S) == "a"
    assert schedule.next_due() == 5 + SECOND_S + ROUND_S


def test_a_new_program_puts_off_no_look_that_is_near() -> None:
    schedule = looked(Schedule(), 100)
    assert schedule.take(100 + SECOND_S) == "a"
    due = schedule.next_due()
    assert due is not None
    assert not schedule.ran("a", "/usr/bin/x", due - 1)
    assert schedule.next_due() == due


def test_so_many_programs_are_known_of_a_container() -> None:
    schedule = looked(Schedule(), 100)
    for n in range(MOST_PROGRAMS):
        schedule.ran("a", f"/bin/{n}", 1000)
    assert schedule.take(1000) == "a"
    assert not schedule.ran("a", "/bin/another", 1100)


def test_programs_before_the_first_look_change_nothing() -> None:
    schedule = Schedule()
    schedule.came("a", 100)
    assert not schedule.ran("a", "/bin/app", 101)
    assert schedule.next_due() == 100 + FIRST_S


def test_endless_new_programs_bring_no_endless_looks() -> None:
    schedule = looked(Schedule(), 100)
    looks, now = 0, 100.0
    for n in range(2000):
        now += 1
        schedule.ran("a", f"/tmp/{n}", now)
        looks += schedule.take(now) is not None
    assert looks <= MOST_PROGRAMS * FIRST_S / AGAIN_S + 2000 / ROUND_S + 2


def test_what_went_is_forgotten() -> None:
    schedule = looked(Schedule(), 100)
    schedule.went("a")
    schedule.went("a")
    assert (schedule.next_due(), schedule.knows("a"), schedule.ran("a", "/bin/x", 200)) == (None, False, False)
