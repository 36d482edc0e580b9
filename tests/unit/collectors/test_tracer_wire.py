"""Records of the tracer, whole and cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.tracer import wire
from collectors.tracer.wire import DENIED, GONE, ExecFields, MalformedRecord, Record

FIELD = st.one_of(st.binary(max_size=100), st.sampled_from([GONE, DENIED]))
RECORDS = st.lists(
    st.builds(
        Record,
        st.integers(wire.BORN, wire.STRAYED),
        st.integers(1, 1 << 22),
        st.integers(0, (1 << 64) - 1),
        st.binary(max_size=300),
    ),
    max_size=10,
)


@given(RECORDS, st.integers(0, 3000))
def test_records_come_back_wherever_the_bytes_are_cut(sent: list[Record], cut: int) -> None:
    raw = b"".join(wire.pack(*record) for record in sent)
    first, rest = wire.records(raw[:cut])
    second, left = wire.records(rest + raw[cut:])
    assert first + second == sent
    assert left == b""


@given(st.builds(ExecFields, st.binary(max_size=100), *(FIELD,) * 8))
def test_the_fields_of_an_exec_come_back(fields: ExecFields) -> None:
    assert wire.unpack_fields(wire.pack_fields(fields)) == fields


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_malformed(raw: bytes) -> None:
    try:
        wire.unpack_fields(raw)
    except MalformedRecord:
        return


@pytest.mark.parametrize(
    "raw", [wire.HEADER.pack(0, 0, 1, 1), wire.HEADER.pack(0, 99, 1, 1), wire.HEADER.pack(1 << 30, wire.EXIT, 1, 1)]
)
def test_what_is_no_record_says_so(raw: bytes) -> None:
    with pytest.raises(MalformedRecord):
        wire.records(raw)
