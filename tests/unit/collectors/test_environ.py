"""Three variables are picked out of an environment, whatever else stands there."""

import pytest

from collectors.environ import LIMIT, VALUE_LIMIT, Environ, packed, picked, preloads, unpacked

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
    ],
)
def test_only_the_three_are_picked(raw: bytes, expected: dict[str, bytes]) -> None:
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
    found = picked(b"LD_LIBRARY_PATH=/lib\0PATH=/bin\0LD_PRELOAD=/x.so\0")
    assert preloads(found) == [b"LD_PRELOAD=/x.so", b"LD_LIBRARY_PATH=/lib"]
    assert preloads(Environ()) == []


@pytest.mark.parametrize("raw", [b"", SECRETS, b"PATH=/bin\0LD_PRELOAD=\0", b"PATH=" + b"p" * (2 * VALUE_LIMIT)])
def test_a_helper_hands_over_what_was_picked_and_nothing_else(raw: bytes) -> None:
    found = picked(raw)
    wire = packed(found)
    assert (unpacked(wire), unpacked(wire).cut) == (found, found.cut)
    assert b"AWS" not in wire


def test_the_longest_answer_has_room_in_a_message() -> None:
    everything = b"\0".join(name + b"=" + b"v" * LIMIT for name in (b"PATH", b"LD_PRELOAD", b"LD_LIBRARY_PATH"))
    assert len(packed(picked(everything))) <= 49_200
