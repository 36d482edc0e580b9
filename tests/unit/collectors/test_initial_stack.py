"""The stack of a new program, as the kernel makes it and as it never would."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.tracer.initial_stack import Start, parse

STACK = 0x7FFC_0000_1230
RANDOM_AT = 0x7FFC_0000_1FF9
STRINGS = st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\0", b"")), max_size=40)


def made(args: list[bytes], variables: list[bytes], *, gap: int = 1000, named: bool = True) -> tuple[bytes, int]:
    """What lies at `STACK`, and the address of the arguments; `gap` is the random one below the strings."""
    words = 1 + len(args) + 1 + len(variables) + 1 + 2 * 4
    at = begin = STACK + 8 * words + gap
    pointers: list[int] = []
    for text in (*args, *variables):
        pointers.append(at)
        at += len(text) + 1
    aux = (6, 4096, 25, RANDOM_AT, 31 if named else 15, at, 0, 0)
    table = (len(args), *pointers[: len(args)], 0, *pointers[len(args) :], 0, *aux)
    strings = b"".join(text + b"\0" for text in (*args, *variables))
    return struct.pack(f"<{words}Q", *table) + bytes(gap) + strings + b"/bin/true\0" + bytes(8), begin


@given(STRINGS, STRINGS, st.integers(0, 9000))
def test_arguments_and_environment_come_back(args: list[bytes], variables: list[bytes], gap: int) -> None:
    raw, begin = made(args, variables, gap=gap)
    found = b"".join(text + b"\0" for text in args), b"".join(text + b"\0" for text in variables)
    assert parse(raw, STACK) == Start(*found, begin, RANDOM_AT)


def test_without_the_name_of_the_file_nothing_says_where_the_environment_ends() -> None:
    raw, _ = made([b"true"], [b"A=b"], named=False)
    assert parse(raw, STACK) is None


@pytest.mark.parametrize("size", [0, 8, 15, 40, 100, 1100])
def test_a_stack_that_is_cut_is_none(size: int) -> None:
    raw, _ = made([b"true", b"x"], [b"A=b"])
    assert parse(raw[:size], STACK) is None


@given(st.binary(max_size=500), st.integers(0, (1 << 64) - 1))
def test_any_bytes_are_a_stack_or_none(raw: bytes, stack: int) -> None:
    parse(raw, stack)
