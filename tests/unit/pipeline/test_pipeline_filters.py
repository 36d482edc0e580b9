"""What users do not want is dropped and counted; what the sensor says of itself never is."""

from typing import NamedTuple

import pytest
from fakes_pipeline import event

from sensor.config.settings import Settings
from sensor.model.counters import Counters
from sensor.model.events import Event, File, Network, Process
from sensor.model.kinds import Kind
from sensor.model.ranges import parse_range
from sensor.pipeline.filters import EXEMPT, Filters


class Drop(NamedTuple):
    """The four settings."""

    drop_kinds: tuple[str, ...] = ()
    drop_programs: tuple[str, ...] = ()
    drop_paths: tuple[str, ...] = ()
    drop_destinations: tuple[str, ...] = ()


def dropped(settings: Drop, given: Event) -> dict[str, int]:
    counters = Counters()
    assert Filters(settings, counters).drop(given) is bool(counters.seen)
    assert not counters.losses
    return dict(counters.seen)


def ran(exe: str | None) -> Event:
    return event()._replace(process=Process("e", 1, exe=exe))


def wrote(path: str, old_path: str | None = None) -> Event:
    return event(Kind.FILE_RENAME)._replace(file=File(path, old_path))


def went(dst: str | None, port: int | None = 443, direction: str = "outbound") -> Event:
    return event(Kind.NETWORK_FLOW)._replace(network=Network(direction=direction, dst=dst, dst_port=port))


def test_nothing_is_dropped_by_default() -> None:
    assert dropped(Drop(), event()) == {}
    assert not Filters(Settings(), Counters()).drop(event())


def test_by_kind_with_all_that_was_folded_into_it() -> None:
    drop = Drop(drop_kinds=("process.exec",))
    assert dropped(drop, event()._replace(count=5)) == {"filtered.kind": 5}
    assert dropped(drop, event(Kind.PROCESS_EXIT)) == {}


@pytest.mark.parametrize("kind", sorted(EXEMPT))
def test_detections_and_the_sensors_own_reports_pass_every_filter(kind: Kind) -> None:
    assert dropped(Drop(drop_kinds=tuple(Kind), drop_programs=("*",)), event(kind)) == {}


@pytest.mark.parametrize(
    ("exe", "gone"), [("/usr/bin/apt", True), ("/usr/bin/apt-get", True), ("/opt/usr/bin/apt", False), (None, False)]
)
def test_by_program(exe: str | None, gone: bool) -> None:
    assert bool(dropped(Drop(drop_programs=("/usr/bin/apt*", "/bin/x")), ran(exe))) is gone


def test_a_pattern_reaches_below_directories() -> None:
    assert dropped(Drop(drop_paths=("/tmp/*.cache",)), wrote("/tmp/a/b.cache", "/tmp/b.cache")) == {"filtered.path": 1}


def test_a_file_renamed_out_of_what_is_unwanted_is_told() -> None:
    assert dropped(Drop(drop_paths=("/tmp/*",)), wrote("/etc/passwd", "/tmp/x")) == {}
    assert dropped(Drop(drop_paths=("/tmp/*",)), wrote("/tmp/x", "/etc/passwd")) == {}


@pytest.mark.parametrize(
    ("text", "dst", "port", "gone"),
    [
        ("10.0.0.0/8", "10.9.8.7", 1, True),
        ("10.0.0.0/8", "11.0.0.1", 1, False),
        ("10.0.0.1", "10.0.0.1", None, True),
        ("10.0.0.1:443", "10.0.0.1", 443, True),
        ("10.0.0.1:443", "10.0.0.1", 80, False),
        ("10.0.0.0/24:443", "10.0.0.9", 443, True),
        ("2001:db8::/32", "2001:db8::7", 1, True),
        ("[2001:db8::]/32", "2001:db8::7", 1, True),
        ("[2001:db8::7]:53", "2001:db8::7", 53, True),
        ("[2001:db8::7]:53", "2001:db8::7", 54, False),
        ("0.0.0.0/0", "2001:db8::7", 1, False),
        ("0.0.0.0/0", "no address", 1, False),
        ("0.0.0.0/0", None, 1, False),
    ],
)
def test_by_destination(text: str, dst: str | None, port: int | None, gone: bool) -> None:
    drop = Drop(drop_destinations=("192.0.2.0/24", text))
    assert bool(dropped(drop, went(dst, port))) is gone
    assert dropped(drop, went(dst, port, "inbound")) == {}


@pytest.mark.parametrize(
    "text", ["", "host", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.1:0", "10.0.0.1:65536", "::1:x", "10.0.0.1:٣"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_range(text)
