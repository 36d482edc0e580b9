"""Four variables are picked out of an environment, and the names of secrets, whatever else stands there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.environ import (
    LIMIT,
    MOST_SECRETS,
    MOST_VARIABLES,
    NAMES,
    VALUE_LIMIT,
    Environ,
    Secrets,
    packed,
    packed_secrets,
    picked,
    preloads,
    secrets,
    unpacked,
    unpacked_secrets,
)
from collectors.helper_wire import ANSWER_BYTES

SECRETS = b"AWS_SECRET_ACCESS_KEY=abc\0MY_PATH=/no\0LD_PRELOADED=/no\0XLD_PRELOAD=/no\0"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", {}),
        (b"PATH", {}),
        (b"PATH=/bin\0", {"PATH": b"/bin"}),
        (b"PATH=", {"PATH": b""}),
        (SECRETS, {}),
        (SECRETS + b"LD_PRELOAD=/x.so /y.so\0PATH=/a:/b\0HOME=/\0", {"PATH": b"/a:/b", "LD_PRELOAD": b"/x.so /y.so"}),
        (b"LD_LIBRARY_PATH=a=b\n\xff\0", {"LD_LIBRARY_PATH": b"a=b\n\xff"}),
        (b"LD_PRELOAD=/harmless.so\0LD_PRELOAD=/evil.so\0", {"LD_PRELOAD": b"/evil.so"}),
        (b"NOTE=LD_PRELOAD=/no\0", {}),
        (b"LD_AUDIT=/tmp/x.so\0", {"LD_AUDIT": b"/tmp/x.so"}),
    ],
)
def test_only_the_four_are_picked(raw: bytes, expected: dict[str, bytes]) -> None:
    found = picked(raw)
    assert found == expected
    assert not found.cut


def test_what_is_too_long_is_flagged() -> None:
    padded = b"PAD=" + b"x" * LIMIT + b"\0LD_PRELOAD=/evil.so\0"
    assert picked(padded[: LIMIT + 1]).cut
    long = picked(b"LD_PRELOAD=" + b"x" * (VALUE_LIMIT + 1) + b"\0")
    assert long.cut
    assert long["LD_PRELOAD"] == b"x" * VALUE_LIMIT


def test_preloads_are_texts_of_their_own() -> None:
    found = picked(b"LD_AUDIT=/y.so\0LD_LIBRARY_PATH=/lib\0PATH=/bin\0LD_PRELOAD=/x.so\0")
    assert preloads(found) == [b"LD_PRELOAD=/x.so", b"LD_LIBRARY_PATH=/lib", b"LD_AUDIT=/y.so"]
    assert preloads(Environ()) == []


@pytest.mark.parametrize("raw", [b"", SECRETS, b"PATH=/bin\0LD_PRELOAD=\0", b"PATH=" + b"p" * (2 * VALUE_LIMIT)])
def test_a_helper_hands_over_what_was_picked_and_nothing_else(raw: bytes) -> None:
    found = picked(raw)
    wire = packed(found)
    assert (unpacked(wire), unpacked(wire).cut) == (found, found.cut)
    assert b"AWS" not in wire


def test_the_longest_answer_has_room_in_a_message() -> None:
    everything = Environ(dict.fromkeys(NAMES, b"v" * VALUE_LIMIT))
    assert 1 + len(packed(everything)) <= ANSWER_BYTES, "with its status"


VALUE = b"hunter2-and-nothing-else"


def test_of_secrets_only_names_are_told_in_their_order() -> None:
    raw = b"PATH=/bin\0DB_PASSWORD=" + VALUE + b"\0DATABASE_URL=postgres://u:" + VALUE + b"@db/x\0DB_PASSWORD=again\0"
    assert secrets(raw) == Secrets(("DB_PASSWORD", "DATABASE_URL"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0\0",
        b"DB_PASSWORD",
        b"=x\0",
        VALUE,
        b"postgres: shop idle TOKEN\0" + VALUE,  # a title that was written over the environment
        b"A TOKEN=x\0\xff_TOKEN=x\0TOK\nEN_TOKEN=x\0" + b"A" * 200 + b"_TOKEN=x\0",
    ],
)
def test_what_is_no_variable_tells_nothing(raw: bytes) -> None:
    assert secrets(raw) == Secrets()


def test_many_secrets_and_long_environments_are_flagged() -> None:
    many = b"".join(b"A%d_TOKEN=x\0" % n for n in range(MOST_SECRETS + 1))
    assert len(secrets(many).names) == MOST_SECRETS
    assert secrets(many).cut
    assert not secrets(many.rpartition(b"A")[0]).cut
    assert secrets(b"PAD=" + b"x" * LIMIT).cut


def test_of_very_many_variables_the_first_are_looked_at_and_that_is_flagged() -> None:
    many = b"A=b\0" * (MOST_VARIABLES - 1)
    assert secrets(many + b"A_TOKEN=x\0") == Secrets(("A_TOKEN",))
    assert secrets(many + b"A=b\0A_TOKEN=x\0") == Secrets((), cut=True)
    assert secrets(b"\0" * MOST_VARIABLES * 2 + b"A_TOKEN=x\0") == Secrets(("A_TOKEN",)), "what was cleared is none"


@pytest.mark.parametrize("names", [(), ("DB_PASSWORD",), ("A_TOKEN", "B_TOKEN")])
@pytest.mark.parametrize("cut", [False, True])
def test_a_helper_hands_over_names(names: tuple[str, ...], cut: bool) -> None:
    assert unpacked_secrets(packed_secrets(Secrets(names, cut))) == Secrets(names, cut)


def test_a_helper_is_not_believed_everything() -> None:
    assert unpacked_secrets(b"") == Secrets()
    assert unpacked_secrets(b"=A_TOKEN\0no name\0\xff\0" + b"x" * 10_000) == Secrets(("A_TOKEN",))
    assert len(unpacked_secrets(b"=" + b"T\0" * 10_000).names) == MOST_SECRETS


@given(st.binary(max_size=400))
def test_any_environment_is_read(raw: bytes) -> None:
    for name in secrets(raw).names:
        assert name.encode() + b"=" in raw
