"""What the platform starts, and what people do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sessions import EXEC, PROBE, UNCLEAR, Command, classify

SHELL_CHECK = ("/bin/sh", "-c", "curl -fs http://localhost/ >/dev/null || exit 1")
PLAIN_CHECK = ("pg_isready", "-q")
SCRIPT_CHECK = ("/app/ready.sh", "--quick")
PROBES = (SHELL_CHECK, PLAIN_CHECK, SCRIPT_CHECK)

words = st.text("abc/-", max_size=4)
commands = st.lists(words, min_size=1, max_size=4).map(tuple)


def session(*args: str, probes: tuple[Command, ...] = PROBES, tty: str | None = None) -> str | None:
    return classify(args, tty, gone=False, probes=probes)


@pytest.mark.parametrize("probe", PROBES)
def test_the_command_of_a_probe_is_a_probe(probe: Command) -> None:
    assert session(*probe) == PROBE


@pytest.mark.parametrize("probe", PROBES)
def test_the_platform_gives_a_probe_no_terminal(probe: Command) -> None:
    assert session(*probe, tty="pts/0") == EXEC


@pytest.mark.parametrize(
    "args",
    [
        ("/bin/sh",),
        ("bash", "-l"),
        ("/bin/sh", "-c", "curl -fs http://evil/ >/dev/null || exit 1"),
        (*SHELL_CHECK, "more"),
        SHELL_CHECK[:2],
        ("pg_isready",),
        ("/bin/sh", "/app/ready.sh"),
        ("/bin/sh", "/tmp/ready.sh", "--quick"),
        ("sh", "-e", "-x", "/app/ready.sh", "--quick"),
    ],
)
def test_anything_else_is_a_session(args: Command) -> None:
    assert session(*args) == EXEC


@pytest.mark.parametrize("before", [("/bin/bash",), ("/usr/bin/python3", "-u")])
def test_a_script_shows_its_interpreter_first(before: Command) -> None:
    assert session(*before, *SCRIPT_CHECK) == PROBE


def test_a_script_found_by_its_name_is_a_probe_only_in_the_usual_places() -> None:
    assert session("/usr/bin/perl", "/usr/bin/pg_isready", "-q") == PROBE
    assert session("/usr/bin/perl", "/tmp/pg_isready", "-q") == UNCLEAR
    assert session("/usr/bin/perl", "/tmp/pg_isready", "-v") == EXEC


@pytest.mark.parametrize("shell", [("/bin/sh",), ("bash", "-l"), ("bash", "--norc", "-i")])
def test_a_probe_that_is_a_bare_shell_looks_like_a_person(shell: Command) -> None:
    assert session(*shell, probes=(shell,)) == UNCLEAR
    assert session("true", probes=(shell,)) == EXEC
    assert session(*shell, "/up", probes=((*shell, "/up"),)) == PROBE


def test_what_a_shell_may_have_run_in_its_own_place_is_unclear() -> None:
    assert session("curl", "-fs", "http://localhost/") == UNCLEAR
    assert session("curl", "-fs", "http://localhost:81/") == EXEC
    assert session("exit", probes=(SHELL_CHECK,)) == EXEC
    assert session("true", probes=(("sh", "-c", "true"),)) == UNCLEAR
    assert session("true", probes=(("sh", "-c", "it's true"),)) == EXEC
    assert session("it's", "true", probes=(("sh", "-c", "it's true"),)) == EXEC
    assert session("true", probes=(("sh", "-e", "true"),)) == EXEC
    assert session("true", probes=(("nc", "-c", "true"),)) == EXEC


def test_of_several_probes_the_best_likeness_counts() -> None:
    assert session("true", probes=(("sh", "-c", "true"), ("true",))) == PROBE


def test_arguments_that_are_gone_leave_it_unclear_and_those_not_yet_there_undecided() -> None:
    assert classify(None, None, gone=True, probes=PROBES) == UNCLEAR
    assert classify(None, None, gone=False, probes=PROBES) is None
    assert classify((), None, gone=False, probes=PROBES) is None


def test_without_probes_all_that_enters_is_a_session() -> None:
    assert classify(None, None, gone=True, probes=()) == EXEC
    assert session(*SHELL_CHECK, probes=()) == EXEC


@given(commands, st.lists(commands, min_size=1, max_size=3))
def test_only_what_ends_in_the_arguments_of_a_probe_is_one(args: Command, probes: list[Command]) -> None:
    found = classify(args, None, gone=False, probes=probes)
    assert found in (EXEC, PROBE, UNCLEAR)
    if found == PROBE:
        assert any(args[len(args) - len(probe) + 1 :] == probe[1:] and len(args) - len(probe) <= 2 for probe in probes)
    if args in probes:
        assert found != EXEC
