"""Assembling filters; `test_network_skip` and `test_packet_filter` run them, the kernel does in the kernel tier."""

import struct

import pytest

from collectors.bpf import ALWAYS, EQUAL, RETURN, WHOLE, Item, Step, assembled

FARTHEST = 255


def filler(count: int) -> list[Item]:
    return [Step(RETURN, 0)] * count


def instruction(code: bytes, number: int) -> tuple[int, ...]:
    return struct.unpack_from("=HBBI", code, number * 8)


@pytest.mark.parametrize("jump", [Step(EQUAL, 7, "there", None), Step(EQUAL, 7, None, "there")])
def test_a_jump_reaches_255_instructions_and_no_farther(jump: Step) -> None:
    code = assembled([jump, *filler(FARTHEST), "there", Step(RETURN, WHOLE)])
    assert instruction(code, 0) == (EQUAL, FARTHEST if jump.yes else 0, FARTHEST if jump.no else 0, 7)
    with pytest.raises(ValueError, match="instruction 1 jumps too far"):
        assembled([*filler(1), jump, *filler(FARTHEST + 1), "there", Step(RETURN, WHOLE)])


def test_a_jump_back_is_refused() -> None:
    with pytest.raises(ValueError, match="instruction 1 jumps too far"):
        assembled(["there", *filler(1), Step(EQUAL, 7, None, "there")])


def test_a_jump_in_any_case_reaches_as_far_as_there_are_instructions() -> None:
    code = assembled([Step(ALWAYS, yes="there"), *filler(1000), "there", Step(RETURN, WHOLE)])
    assert instruction(code, 0) == (ALWAYS, 0, 0, 1000)
    assert instruction(code, 1001) == (RETURN, 0, 0, WHOLE)
