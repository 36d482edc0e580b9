"""What goes from the tracer's records into a process, and what is said to be missing."""

import pytest
from fakes import FakeClock

from collectors import environ
from collectors.process_table import Tracked
from collectors.procfs import ARGS_LIMIT, parse_stat
from collectors.program import HIGHEST
from collectors.trace_telling import CLAIM_S, MANY_CLAIMS, TraceTelling, fill
from collectors.tracer import wire
from collectors.tracer.wire import DENIED, GONE, ExecFields
from sensor.model.counters import Counters
from sensor.model.events import Missing, Timestamp

STACK, ARGS = 0x7FFC00000010, 0x7FFC00000020
STAT = (
    b"42 (true) t 7 70 71 34817 -1 4194304 0 0 0 0 1 2 3 4 20 0 1 0 123456 0 0 18446744073709551615 11 12 %d 0 0 0 0 0"
    b" 0 0 0 0 17 1 0 0 0 0 0 14 15 16 %d 18 19 20 0\n"
) % (STACK, ARGS)


def filled(
    *,
    args: bytes | int = b"true\0\0\xff\0",
    variables: bytes | int = b"=",
    ids: bytes | int = b"33 34",
    stdin: bytes = b"",
) -> Tracked:
    process = Tracked(42, "e", 123456, Timestamp(0), None, sha256="old", drift=True, exe="/bin/old", stdin="udp")
    version, image = wire.VERSION.pack(1, 2, 3, 4, 5), wire.IMAGE.pack(STACK, ARGS)
    fields = ExecFields(STAT, args, b"/usr/bin/true", b"/srv", ids, variables, version, image, stdin)
    fill(process, parse_stat(STAT), fields)
    return process


def test_all_that_was_read_replaces_what_was_known() -> None:
    process = filled(variables=environ.packed(environ.picked(b"LD_PRELOAD=/tmp/x.so")))
    assert process.args == ("true", "", "\\xff")
    assert (process.exe, process.cwd, process.uid, process.gid) == ("/usr/bin/true", "/srv", 33, 34)
    assert process.preload == ("LD_PRELOAD=/tmp/x.so",)
    assert (process.comm, process.executed, process.tty, process.image) == ("true", True, "pts/1", (11, STACK, ARGS))
    assert (process.sha256, process.drift, process.missing) == (None, None, ())
    assert process.version == (1, 2, 3, 4, 5)
    assert process.stdin is None


def test_that_it_reads_from_a_connection_is_kept() -> None:
    assert filled(stdin=b"tcp").stdin == "tcp"


def test_what_could_not_be_read_is_missing_and_unknown() -> None:
    process = filled(args=GONE, variables=DENIED, ids=GONE)
    assert (process.args, process.preload, process.uid) == (None, None, None)
    assert process.missing == (
        Missing("process.args", "gone"),
        Missing("process.uid", "gone"),
        Missing("process.gid", "gone"),
        Missing("process.preload", "denied"),
    )


def test_arguments_that_are_longer_than_what_is_kept_are_cut() -> None:
    process = filled(args=b"true\0" + b"x" * ARGS_LIMIT)
    assert process.args_cut
    assert sum(map(len, process.args or ())) == ARGS_LIMIT - 1


def test_a_process_that_runs_another_program_by_now_keeps_where_the_one_that_was_seen_lay() -> None:
    process = Tracked(42, "e", 123456, Timestamp(0), None)
    given = (b"true\0", b"/usr/bin/true", b"/srv", b"33 34", b"=", GONE)
    fill(process, parse_stat(STAT), ExecFields(STAT, *given, wire.IMAGE.pack(130, 170), b""))
    assert process.image == (0, 130, 170)


def test_an_exec_without_an_image_is_nothing_that_a_tracer_tells() -> None:
    process = Tracked(42, "e", 123456, Timestamp(0), None)
    with pytest.raises(wire.MalformedRecord):
        fill(process, parse_stat(STAT), ExecFields(STAT, GONE, GONE, GONE, GONE, GONE, GONE, GONE, GONE))


class FakeTask:
    """One process, and what was told of it by way of the cursor."""

    def __init__(self, process: Tracked) -> None:
        self.process = process
        self.follower = self
        self.told: list[tuple[str, ...] | None] = []

    def traced(self, *_: object) -> Tracked:
        return self.process

    def living_process(self, pid: int) -> Tracked | None:
        return self.process if pid == self.process.pid and self.process.ended is None else None

    def ended(self, process: Tracked, status: int) -> None:
        process.ended, process.exit_code = 1.0, status

    def settle(self, process: Tracked) -> None:
        process.settled = True

    def ran(self, process: Tracked, _at: Timestamp) -> None:
        self.told.append(process.args)


@pytest.mark.parametrize(
    ("read", "told_of", "again"),
    [
        ((11, STACK, ARGS), [(11, STACK, ARGS)], []),  # the cursor has told of it, before the tracer did
        ((11, STACK, ARGS), [(11, 23, 27)], [("true",)]),  # it has read half of it and told of the one before
        ((11, STACK, ARGS), [], [("true",)]),
        ((11, 23, 27), [(11, 23, 27)], [("true",)]),
        ((11, 23, 27), [(11, STACK, ARGS), (11, 23, 27)], []),  # and of the next one
        ((0, 33, 37), [(11, STACK, ARGS)], []),  # and the tracer of one in between
    ],
)
def test_a_program_is_told_once_and_what_was_only_read_is_told(
    read: tuple[int, int, int], told_of: list[tuple[int, int, int]], again: list[tuple[str, ...]]
) -> None:
    process = Tracked(42, "e", 123456, Timestamp(0), None, announced=True, image=read, told_images=tuple(told_of))
    task = FakeTask(process)
    telling = TraceTelling(task, Counters(), FakeClock())  # type: ignore[arg-type]  # a fake of what it asks
    fields = ExecFields(
        STAT, b"true\0", b"/usr/bin/true", b"/", b"33 34", b"=", GONE, wire.IMAGE.pack(STACK, ARGS), b""
    )

    telling.take([wire.Record(wire.EXEC, 42, 7, wire.pack_fields(fields))])

    assert task.told == again
    assert process.traced, "from now on the tracer tells of it"
    assert process.image is not None
    assert process.image[1:] == (STACK, ARGS), "what is known of the process is of its program"


@pytest.mark.parametrize("stack", [0x7FFFFFFFE420, 0xFFFFFFFFE420, (1 << 47) - HIGHEST])
def test_a_program_that_lies_where_another_did_by_its_own_choice_is_told(stack: int) -> None:
    """Without random places (setarch -R) all programs with arguments of the same length lie alike."""
    process = Tracked(42, "e", 123456, Timestamp(0), None, announced=True, image=(11, stack, ARGS))
    process.told_images, task = ((11, stack, ARGS),), FakeTask(process)
    telling = TraceTelling(task, Counters(), FakeClock())  # type: ignore[arg-type]  # a fake of what it asks
    fields = ExecFields(STAT, b"evil\0", b"/tmp/evil", b"/", b"33 34", b"=", GONE, wire.IMAGE.pack(stack, ARGS), b"")

    telling.take([wire.Record(wire.EXEC, 42, 7, wire.pack_fields(fields))])

    assert task.told == [("evil",)]


def test_what_was_seen_before_it_was_told_of_is_the_tracers_too_and_counts_as_one() -> None:
    process, counters = Tracked(42, "e", 123456, Timestamp(0), None), Counters()
    task = FakeTask(process)
    telling = TraceTelling(task, counters, FakeClock())  # type: ignore[arg-type]  # a fake of what it asks
    known = wire.Record(wire.KNOWN, 42, 8, STAT)

    telling.take([wire.Record(wire.BORN, 42, 7, wire.PARENT.pack(1)), wire.Record(wire.THREAD, 43, 7, b""), known])

    assert (process.traced, process.settled, counters.processes) == (True, True, 1)
    telling.take([wire.Record(wire.EXIT, 42, 9, wire.STATUS.pack(256))])
    assert (process.exit_time, process.exit_code) == (9, 256)


def test_what_belongs_to_the_sensor_is_not_told() -> None:
    process = Tracked(42, "e", 123456, Timestamp(0), None, own=True)
    task = FakeTask(process)
    telling = TraceTelling(task, Counters(), FakeClock())  # type: ignore[arg-type]  # a fake of what it asks
    fields = ExecFields(
        STAT, b"true\0", b"/usr/bin/true", b"/", b"33 34", b"=", GONE, wire.IMAGE.pack(STACK, ARGS), b""
    )

    telling.take([wire.Record(wire.EXEC, 42, 7, wire.pack_fields(fields))])

    assert task.told == []


@pytest.mark.parametrize(("after_s", "claimed"), [(0.0, True), (CLAIM_S, True), (CLAIM_S + 1, False)])
def test_a_number_that_was_told_of_long_ago_is_another_process_by_now(after_s: float, claimed: bool) -> None:
    clock = FakeClock()
    telling = TraceTelling(FakeTask(Tracked(1, "e", 1, Timestamp(0), None)), Counters(), clock)  # type: ignore[arg-type]
    telling.take([wire.Record(wire.THREAD, 42, 7, b"")])
    clock.advance(after_s)
    assert telling.claim(42) is claimed
    assert not telling.claim(42)


@pytest.mark.parametrize("told_at_once", [MANY_CLAIMS, MANY_CLAIMS + 1])
def test_of_many_numbers_only_those_are_kept_that_the_cursor_may_yet_pass(told_at_once: int) -> None:
    clock = FakeClock()
    telling = TraceTelling(FakeTask(Tracked(1, "e", 1, Timestamp(0), None)), Counters(), clock)  # type: ignore[arg-type]
    telling.take([wire.Record(wire.THREAD, 1, 7, b"")])
    clock.advance(CLAIM_S)
    telling.take([wire.Record(wire.THREAD, 2 + n, 7, b"") for n in range(told_at_once - 1)])
    assert len(telling._claimed) == (MANY_CLAIMS if told_at_once <= MANY_CLAIMS else told_at_once - 1)
    assert telling.claim(2)


def test_what_cannot_be_read_keeps_nothing_behind_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Tracked(42, "e", 123456, Timestamp(0), None)
    task, counters, tries = FakeTask(process), Counters(), [OSError(24, "Too many open files")]
    monkeypatch.setattr(task, "settle", lambda _: (_ for _ in ()).throw(tries.pop()) if tries else None)
    telling = TraceTelling(task, counters, FakeClock())  # type: ignore[arg-type]  # a fake of what it asks
    fields = ExecFields(
        STAT, b"true\0", b"/usr/bin/true", b"/", b"33 34", b"=", GONE, wire.IMAGE.pack(STACK, ARGS), b""
    )
    record = wire.Record(wire.EXEC, 42, 7, wire.pack_fields(fields))

    telling.take([record, record])

    assert task.told == [("true",)]
    assert counters.losses["proc_unreadable"] == 1
