"""Answers read without trust: waits, sentences, and whether to try again."""

import httpx
import pytest
from fakes import START
from hypothesis import given
from hypothesis import strategies as st

from sensor.model.errors import PermanentError, RetryableError
from sensor.model.events import Timestamp
from shippers.http_outcome import error_text, refusal, retry_after, transport_reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("-12", None),
        ("1.5", None),
        ("9" * 400, None),
        ("١٢", None),
        ("Tue, 14 Nov 2023 22:13:25 GMT", 5.0),
        ("Tue, 14 Nov 2023 22:13:15 GMT", 0.0),
        ("Tue, 99 Nov 2023 22:13:15 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, START) == seconds


@given(st.text(), st.integers(0, 2**63))
def test_no_header_breaks_it(value: str, now: int) -> None:
    wait = retry_after(value, Timestamp(now))
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": "the batch is too old"}', "the batch is too old"),
        (b'{"error": 7}', '{"error": 7}'),
        (b'["error"]', '["error"]'),
        (b"<html>Bad Gateway</html>\n", "<html>Bad Gateway</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "no reason given"),
        (b'{"error": " "}', "no reason given"),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
def test_the_servers_sentence_is_found(body: bytes, text: str) -> None:
    assert error_text(body) == text


def test_only_what_is_wrong_with_the_request_is_permanent() -> None:
    permanent = {status for status in range(100, 600) if isinstance(refusal(status, "x", 1.0), PermanentError)}
    assert permanent == set(range(400, 500)) - {401, 403, 404, 405, 407, 408, 410, 421, 425, 429}


def test_what_no_api_says_of_a_request_is_not_permanent_but_for_its_size() -> None:
    permanent = {
        status for status in range(100, 600) if isinstance(refusal(status, "x", 1.0, by_the_api=False), PermanentError)
    }
    assert permanent == {413}


@pytest.mark.parametrize(("status", "wait"), [(429, 3.0), (503, 3.0), (401, None), (302, None)])
def test_only_a_busy_destination_says_how_long_to_wait(status: int, wait: float | None) -> None:
    error = refusal(status, "x", 3.0)
    assert isinstance(error, RetryableError)
    assert error.retry_after == wait


def test_the_systems_own_words_are_found_below_the_librarys() -> None:
    outer = httpx.ConnectError("All connection attempts failed")
    outer.__cause__ = OSError("one of many")
    outer.__cause__.__context__ = ConnectionRefusedError(111, "Connection refused")
    assert transport_reason(outer) == "ConnectionRefusedError: [Errno 111] Connection refused"
    assert transport_reason(httpx.RemoteProtocolError("junk")) == "RemoteProtocolError: junk"
    assert transport_reason(httpx.ReadTimeout("")) == "no answer in time (ReadTimeout)"
    assert "s3cret" not in transport_reason(httpx.LocalProtocolError("Illegal header value b's3cret\\n'"))
