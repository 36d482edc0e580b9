from sensor.enrich.masking import REMEMBERED, REMEMBERED_BYTES, SHORT, Masking
from sensor.model.counters import Counters
from sensor.model.events import Event, Evidence, Process, Timestamp
from sensor.model.kinds import Kind


def event(args: tuple[str, ...] | None, entity: str = "e1", preload: tuple[str, ...] | None = None) -> Event:
    process = Process(entity, 1, args=args, preload=preload)
    return Event(Kind.PROCESS_EXEC, Timestamp(1), Evidence("test"), process=process)


def args_of(found: Event) -> tuple[str, ...] | None:
    assert found.process is not None
    return found.process.args


def test_arguments_and_preloads_are_masked_and_counted() -> None:
    counters = Counters()
    found = Masking(counters)(event(("app", "--token=x", "--password", "y"), preload=("LD_PRELOAD=/a.so token=x",)))
    assert args_of(found) == ("app", "--token=***", "--password", "***")
    assert found.process is not None
    assert found.process.preload == ("LD_PRELOAD=/a.so token=***",)
    assert counters.seen == {"masked": 3}


def test_an_event_without_secrets_is_the_same_object() -> None:
    counters = Counters()
    for told in (event(("ls", "-l")), event(None), Event(Kind.SENSOR_START, Timestamp(1), Evidence("test"))):
        assert Masking(counters)(told) is told
    assert counters.seen == {}


def test_a_program_that_replaces_another_in_its_process_is_masked_anew() -> None:
    masking = Masking(Counters())
    masking(event(("app", "--token=x")))
    assert args_of(masking(event(("app", "--secret=y")))) == ("app", "--secret=***")


def test_the_same_arguments_give_the_same_object_again() -> None:
    masking, args = Masking(Counters()), ("app", "--token=x")
    assert args_of(masking(event(args))) is args_of(masking(event(args)))


def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing() -> None:
    masking, args = Masking(Counters()), ("app", "--token=x")
    first = args_of(masking(event(args)))
    for i in range(REMEMBERED):
        masking(event(("app", f"--token=x{i}")))
    again = args_of(masking(event(args)))
    assert again == first
    assert again is not first


def test_the_next_run_of_a_program_is_not_masked_again() -> None:
    masking = Masking(Counters())
    first = args_of(masking(event(("app", "--token=x"), entity="e1")))
    assert args_of(masking(event(("app", "--token=x"), entity="e2"))) is first


def test_a_long_command_line_is_known_again_by_its_process_only() -> None:
    masking, args = Masking(Counters()), ("app", "x" * SHORT, "--token=x")
    first = args_of(masking(event(args, entity="e1")))
    assert args_of(masking(event(args, entity="e1"))) is first
    assert args_of(masking(event(args, entity="e2"))) is not first
    other = ("app", "y" * SHORT, "--token=y")
    assert args_of(masking(event(other, entity="e1"))) == ("app", "y" * SHORT, "--token=***")


def test_what_is_remembered_is_bounded_in_memory_too() -> None:
    """512 command lines of the kernel's greatest length would take 30 MB."""
    masking = Masking(Counters())
    first = ("app", "x" * 100_000, "--token=x")
    masked = args_of(masking(event(first, entity="first")))
    for i in range(REMEMBERED_BYTES // 100_000 + 1):
        masking(event(("app", "x" * 100_000, f"--token={i}"), entity=f"e{i}"))
    again = args_of(masking(event(first, entity="first")))
    assert again == masked
    assert again is not masked
