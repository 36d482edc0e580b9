"""Names and strings: the text form, pointers, and everything that decoders of names were ever attacked with."""

import pytest
from dns_bytes import name, pointer
from hypothesis import given
from hypothesis import strategies as st

from collectors.dns_wire import MOST_STEPS, Malformed, Names, TooMuch, name_at, name_text, string_text


def read(data: bytes, start: int = 0) -> tuple[str, int]:
    return name_at(data, start, len(data), Names())


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b"\0", "."),
        (name("WwW.Example.ORG"), "www.example.org"),
        (name("_sip._udp.example.org"), "_sip._udp.example.org"),
        (b"\3a.b\3org\0", "a\\.b.org"),
        (b"\1.\0", "\\."),
        (b"\4a\\b@\0", "a\\\\b\\@"),
        (b"\5a b\"c\0", 'a\\032b\\"c'),
        (b"\2\xc3\xbc\0", "\\195\\188"),
        (b"\3\0\xff\x7f\0", "\\000\\255\\127"),
    ],
)  # fmt: skip
def test_a_name_is_lower_case_and_escapes_what_could_be_mistaken(wire: bytes, text: str) -> None:
    assert read(wire) == (text, len(wire))


def test_pointers_lead_backwards_to_the_rest_of_a_name() -> None:
    data = name("example.org") + b"\3www" + pointer(0) + b"\1a" + pointer(13) + b"end"

    assert read(data, 13) == ("www.example.org", 19)
    assert read(data, 19) == ("a.www.example.org", 23)


def test_a_name_that_is_known_is_not_read_again() -> None:
    data = name("example.org") + pointer(0)
    names = Names()

    assert name_at(data, 0, len(data), names) == ("example.org", 13)
    assert name_at(bytes(13) + pointer(0), 13, 15, names) == ("example.org", 15)


@pytest.mark.parametrize(
    ("data", "start", "why"),
    [
        (b"", 0, "leaves its place"),
        (b"\3ww", 0, "label leaves its place"),
        (b"\3www", 0, "leaves its place"),
        (b"\x3f" + b"x" * 62, 0, "label leaves its place"),
        (b"\x40" + b"x" * 64 + b"\0", 0, "unknown kind"),
        (b"\x80\0", 0, "unknown kind"),
        (b"\xc0", 0, "pointer leaves its place"),
        (pointer(0), 0, "forward"),
        (pointer(2) + name("a"), 0, "forward"),
        (b"\1a" + pointer(0), 0, "forward"),
        (pointer(2) + pointer(0), 2, "forward"),
        (pointer(0x3FFF), 0, "forward"),
    ],
)
def test_what_leads_nowhere_is_malformed(data: bytes, start: int, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(data, start)


def test_a_name_has_255_bytes_at_most() -> None:
    longest = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0"
    assert len(longest) == 255
    assert read(longest)[1] == 255
    with pytest.raises(Malformed, match="longer than 255"):
        read((b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"x" * 62 + b"\0")
    with pytest.raises(Malformed, match="longer than 255"):
        read(longest + b"\1a" + pointer(0), 255)


def test_a_name_of_127_labels_each_behind_a_pointer_is_read() -> None:
    chain = b"\0" + b"".join(b"\1x" + pointer(max(0, 4 * n - 3)) for n in range(127))
    assert read(chain, len(chain) - 4)[0] == ".".join("x" * 127)


def test_the_steps_of_a_message_end_the_reading_of_names_right_and_wrong_ones() -> None:
    hops = b"\0\0" + b"".join(pointer(2 * n) for n in range(MOST_STEPS + 1))
    assert read(hops, 2 * MOST_STEPS) == (".", 2 * MOST_STEPS + 2)
    with pytest.raises(TooMuch):
        read(hops, 2 * MOST_STEPS + 2)

    names, torn = Names(), b"\1x" * 100
    for _ in range(MOST_STEPS // 100):
        with pytest.raises(Malformed):
            name_at(torn, 0, len(torn), names)
    with pytest.raises(TooMuch):
        name_at(torn, 0, len(torn), names)


def test_a_names_own_bytes_stay_within_their_record_and_what_it_points_to_may_lie_before() -> None:
    data = name("example.org") + b"\3www" + pointer(0)
    with pytest.raises(Malformed):
        name_at(data, 13, 18, Names())
    with pytest.raises(Malformed):
        name_at(data, 13, 15, Names())
    assert name_at(data, 13, 19, Names()) == ("www.example.org", 19)


def test_a_string_is_quoted_with_quotes_inside_escaped() -> None:
    assert string_text(b'say "hi"; \\ \xff\n') == '"say \\"hi\\"; \\\\ \\255\\010"'


@given(st.binary(max_size=600), st.integers(0, 600))
def test_arbitrary_bytes_are_a_printable_name_or_malformed(data: bytes, start: int) -> None:
    try:
        text, after = name_at(data, start, len(data), Names())
    except Malformed:
        return
    assert text.isascii()
    assert text.isprintable()
    assert start < after <= len(data)


@given(st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=4).filter(lambda x: sum(map(len, x)) < 250))
def test_two_names_have_the_same_text_only_if_they_are_the_same_to_dns(labels: list[bytes]) -> None:
    text = name_text(labels)
    assert unescaped(text) == [label.lower() for label in labels]


def unescaped(text: str) -> list[bytes]:
    """The labels again (RFC 1035, 5.1)."""
    labels, at = [bytearray()], 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1].isdigit():
            labels[-1].append(int(text[at + 1 : at + 4]))
            at += 4
        elif text[at] == "\\":
            labels[-1].append(ord(text[at + 1]))
            at += 2
        elif text[at] == ".":
            labels.append(bytearray())
            at += 1
        else:
            labels[-1].append(ord(text[at]))
            at += 1
    return [bytes(label) for label in labels]
