import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.containers.pod_labels import MOST_BYTES, parse, read

WRITTEN = b"""\
app="shop"
app.kubernetes.io/version="1.4.0-rc.1"
eks.amazonaws.com/fargate-profile="shop"
empty=""
"""
LABELS = {
    "app": "shop",
    "app.kubernetes.io/version": "1.4.0-rc.1",
    "eks.amazonaws.com/fargate-profile": "shop",
    "empty": "",
}


@pytest.mark.parametrize("raw", [WRITTEN, WRITTEN.removesuffix(b"\n")])
def test_what_the_kubelet_writes(raw: bytes) -> None:
    assert parse(raw) == (LABELS, 0)
    assert parse(b"") == ({}, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"app",
        b"app=shop",
        b'app="sh"op"',
        b'app="a\\nb"',
        b'=""',
        b'a/b/c="d"',
        b'app="\xff"',
        b'app="' + b"x" * 64 + b'"',
    ],
)
def test_a_line_that_is_no_label_costs_only_itself(line: bytes) -> None:
    assert parse(b"%b\n%b" % (line, WRITTEN)) == (LABELS, 1)


def test_labels_are_bounded_together_and_what_is_left_out_is_counted() -> None:
    raw = b"".join(b'l%04d="%b"\n' % (n, b"v" * 60) for n in range(1000))
    labels, left_out = parse(raw)
    assert len(labels) + left_out == 1000
    assert next(iter(labels)) == "l0000"
    assert MOST_BYTES - 200 < sum(len(name) + len(value) + 6 for name, value in labels.items()) <= MOST_BYTES


@given(st.binary())
def test_no_bytes_are_too_odd(raw: bytes) -> None:
    labels, left_out = parse(raw)
    assert left_out <= len(raw.splitlines())
    assert all(value.isascii() and '"' not in name + value for name, value in labels.items())


def test_a_pod_without_the_file_has_none_and_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(str(tmp_path / "labels")) == {}
    assert caplog.messages == []


def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "labels"
    file.write_bytes(WRITTEN + b"one\ntwo\n")
    with caplog.at_level(logging.WARNING):
        assert read(str(file)) == LABELS
        assert read(str(tmp_path)) == {}
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "2 lines of the pod's labels were left out: malformed, or too long together",
        "the pod's labels are not known: Is a directory",
    ]
