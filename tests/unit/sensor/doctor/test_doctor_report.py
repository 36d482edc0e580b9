"""The doctor's table and its JSON."""

import json

from sensor import __version__
from sensor.doctor.check import degraded, ok, unavailable
from sensor.doctor.report import as_json, as_text

CHECKS = [ok("kernel", "6.18"), degraded("inotify", "few watches", "more of them"), unavailable("ingest", "gone")]


def test_the_table_is_aligned_and_says_what_would_mend_it() -> None:
    assert as_text(CHECKS, 80, colour=False) == (
        "ok           kernel   6.18\n"
        "degraded     inotify  few watches\n"
        "                      mend: more of them\n"
        "unavailable  ingest   gone\n"
    )


def test_long_reasons_are_wrapped_below_themselves() -> None:
    text = as_text([degraded("x", "word " * 30)], 60, colour=False)
    first, *rest = text.splitlines()
    assert first.startswith("degraded     x  word word")
    assert all(line.startswith(" " * 16 + "word") and len(line) <= 60 for line in rest)


def test_colour_only_where_wanted() -> None:
    assert "\x1b[1;31munavailable\x1b[0m" in as_text(CHECKS, 80, colour=True)
    assert "\x1b" not in as_text(CHECKS, 80, colour=False)


def test_hostile_reasons_stay_text() -> None:
    assert "\x1b" not in as_text([unavailable("x", "\x1b[2J", "\x1b]0;")], 80, colour=False)


def test_the_object_holds_everything() -> None:
    found = json.loads(as_json(CHECKS))
    assert (found["version"], found["status"]) == (__version__, "unavailable")
    assert found["checks"][1] == {
        "name": "inotify",
        "status": "degraded",
        "reason": "few watches",
        "mend": "more of them",
        "figures": {},
    }
