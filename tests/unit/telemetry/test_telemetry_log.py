import io
import logging
import sys
from collections.abc import Iterator

import pytest

from sensor.model.counters import Counters
from sensor.telemetry import log

STREAM = "sensor.test_log"


class ListHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in log.QUIET}
    yield
    root.handlers[:] = before
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)


def record(message: object, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
    made = logging.LogRecord("sensor.x", level, "x.py", 1, message, args, None)
    made.created = 1_795_487_280.9
    return made


def test_a_line_is_time_level_name_message() -> None:
    assert log.line(record("spool at %d %%", 80)) == "2026-11-24T02:28:00Z warning sensor.x: spool at 80 %"


@pytest.mark.parametrize(
    "hostile", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x00b", "a\x9bb", "a\u2028b", "a\u202eb", "a\x7fb"]
)
def test_no_character_ends_the_line_or_drives_the_terminal(hostile: str) -> None:
    line = log.line(record("name %s", hostile))
    assert line.isprintable()
    assert "a\\" in line


def test_what_is_printable_stays_as_it_is() -> None:
    assert log.printable("Größe ☃ naïve") == "Größe ☃ naïve"


def test_lone_surrogates_are_escaped() -> None:
    assert log.printable("a\udc80b") == "a\\udc80b"


def test_an_exception_stands_in_the_same_line_with_its_place() -> None:
    try:
        int("two\nlines")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    line = log.line(made)
    assert "failed (ValueError: invalid literal" in line
    assert "; at test_telemetry_log.py:" in line
    assert line.isprintable()


def test_arguments_that_do_not_fit_do_not_cost_the_line() -> None:
    assert "%d of" in log.line(record("%d of", "x"))


@pytest.mark.usefixtures("restored")
def test_configure_writes_from_its_level_upwards() -> None:
    stream = io.StringIO()
    log.configure("debug", stream=stream)
    log.configure("warning", stream=stream)
    logging.getLogger(STREAM).info("left out")
    logging.getLogger(STREAM).warning("told")
    assert stream.getvalue().count("told") == 1
    assert stream.getvalue().endswith(" warning sensor.test_log: told\n")
    assert "left out" not in stream.getvalue()


@pytest.mark.usefixtures("restored")
def test_libraries_do_not_tell_of_every_request() -> None:
    stream = io.StringIO()
    log.configure("debug", stream=stream)
    logging.getLogger("httpx").info("HTTP Request: POST")
    logging.getLogger(STREAM).debug("ours")
    assert "HTTP Request" not in stream.getvalue()
    assert "ours" in stream.getvalue()


def test_a_stream_that_is_gone_is_counted_and_raises_nothing() -> None:
    counters = Counters()
    stream = io.StringIO()
    handler = log.LineHandler(stream, counters)
    stream.close()
    handler.emit(record("x"))
    assert counters.losses == {"log_line": 1}
