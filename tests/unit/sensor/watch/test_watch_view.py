"""Which events a person sees, and in which words. The events are made by the model and its codec."""

import json
import os
import pty
from typing import Any

import pytest

from sensor.model.codec import event_to_json
from sensor.model.counters import catch_rate
from sensor.model.events import (
    CollectorHealth,
    Container,
    Detection,
    Dns,
    Event,
    Evidence,
    File,
    Header,
    Health,
    Loss,
    Missing,
    Network,
    Posture,
    Process,
    Sensor,
    Timestamp,
)
from sensor.model.kinds import Kind
from sensor.model.times import NS
from sensor.watch import view as view_module
from sensor.watch.view import BRIEF, WatchView, for_terminal, render
from sensor.watch.words import size, words

NOW = Timestamp(1_800_000_000 * NS)
HEADER = Header(Sensor("s1", "e1", "0.1.0"))
SHELL = Process("e1", 412, exe="/bin/sh", args=("sh", "-c", "cp /bin/ls /tmp/x"), user="root", uid=0, start=NOW)
WEB = Container("a" * 64, "web")


def event(kind: Kind, source: str = "cursor", missing: tuple[Missing, ...] = (), **parts: Any) -> Event:
    return Event(kind, NOW, Evidence(source, missing), container=parts.pop("container", WEB), **parts)


def plain(happened: Event) -> dict[str, Any]:
    return event_to_json(happened, HEADER)


def outbound(dst: str = "10.0.0.5", process: Process = SHELL, kind: Kind = Kind.NETWORK_CONNECT) -> Event:
    return event(kind, process=process, network=Network("outbound", "tcp", dst=dst, dst_port=443))


def shown(view: WatchView, *events: Event) -> list[str]:
    """What a view writes for the events, without the time, container and process columns."""
    written = [view(json.dumps(plain(e)).encode()) for e in events]
    return [text[50:].strip() for some in written if some for text in some.decode().splitlines()]


def brief(everything: bool = False) -> WatchView:
    return WatchView(everything, colour=False, width=lambda: 160)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (event(Kind.PROCESS_EXEC, process=SHELL), "ran  sh -c 'cp /bin/ls /tmp/x'"),
        (event(Kind.PROCESS_EXEC, "snapshot", process=SHELL), "runs sh -c 'cp /bin/ls /tmp/x'"),
        (
            event(Kind.PROCESS_EXEC, missing=(Missing("process.args", "gone"),), process=SHELL._replace(args=None)),
            "ran  /bin/sh (arguments: gone)",
        ),
        (
            event(Kind.PROCESS_EXIT, process=SHELL._replace(exit_code=0, start=Timestamp(NOW - 1_200_000_000))),
            "exited 0 after 1.2 s",
        ),
        (event(Kind.PROCESS_EXIT, process=SHELL._replace(start=None)), "exited"),
        (event(Kind.PROCESS_EXIT, process=SHELL._replace(exit_code=-9)), "was killed by SIGKILL after 0 ms"),
        (event(Kind.PROCESS_EXIT, process=Process("e", 1, exit_code=-77)), "was killed by signal 77"),
        (event(Kind.PROCESS_IDENTITY, process=Process("e", 1, uid=33)), "became uid 33"),
        (
            event(Kind.NETWORK_CONNECT, network=Network("outbound", dst="10.0.0.5", dst_port=443, hostname="x.org")),
            "connected to 10.0.0.5:443 (x.org)",
        ),
        (
            event(Kind.NETWORK_CONNECT, network=Network("outbound", dst="::1", dst_port=80, outcome="refused")),
            "was refused by [::1]:80",
        ),
        (
            event(Kind.NETWORK_CONNECT, network=Network("inbound", src_port=80, dst="10.0.0.9", dst_port=5123)),
            "accepted 10.0.0.9:5123 on port 80",
        ),
        (event(Kind.NETWORK_CONNECT, network=Network("outbound")), "connected to ?"),
        (
            event(Kind.NETWORK_LISTEN, network=Network("listen", "tcp", src="0.0.0.0", src_port=80)),
            "listens on 0.0.0.0:80 tcp",
        ),
        (
            event(
                Kind.NETWORK_FLOW,
                network=Network("outbound", dst="10.0.0.5", dst_port=443, bytes_in=1234, bytes_out=300),
            ),
            "flow to 10.0.0.5:443 1.2 kB in 300 B out",
        ),
        (event(Kind.DNS_QUERY, dns=Dns("x.org", "A", answers=("A 192.0.2.1",))), "asked for x.org A: A 192.0.2.1"),
        (event(Kind.DNS_QUERY, dns=Dns("x.org", "A", rcode="NXDOMAIN")), "asked for x.org A: NXDOMAIN"),
        (event(Kind.FILE_MODIFY, file=File("/etc/passwd")), "changed /etc/passwd"),
        (event(Kind.FILE_RENAME, file=File("/b", old_path="/a"), count=3), "renamed /a to /b (3 times)"),
        (event(Kind.FILE_CREATE, file=File("/a", actor_evidence="descriptor")), "created /a (by its descriptor)"),
        (event(Kind.FILE_MODIFY, file=File("/a", actor_evidence="alone")), "changed /a (alone there)"),
        (event(Kind.CONTAINER_START, container=WEB._replace(image="nginx:1")), "container started from nginx:1"),
        (event(Kind.DETECTION, detection=Detection("r", "A shell from the web", "high")), "high: A shell from the web"),
        (
            event(Kind.POSTURE, posture=Posture("c", "The root is writable", "medium", "make it read-only")),
            "medium: The root is writable (make it read-only)",
        ),
        (
            event(Kind.POSTURE, posture=Posture("c", "Secrets", "medium", None, ("DB_PASSWORD", "API_TOKEN"))),
            "medium: Secrets: DB_PASSWORD, API_TOKEN",
        ),
        (event(Kind.SENSOR_LOSS, loss=Loss("queue_full", "exact", 12, "queue")), "lost 12: queue_full in queue"),
        (event(Kind.SENSOR_LOSS, loss=Loss("directory", "at_most", 3)), "lost at most 3: directory"),
        (
            event(Kind.SENSOR_LOSS, loss=Loss("unexplained", "at_most", 1200, "process_cursor")),
            "unexplained ≤ 1,200: processes, threads or failed forks that may be unseen",
        ),
        (event(Kind.SENSOR_LOSS, loss=Loss("overflow", "unknown")), "lost an unknown number: overflow"),
        (
            event(
                Kind.SENSOR_START,
                health=Health(0.5, 0, collectors={"a": CollectorHealth("ok"), "b": CollectorHealth("degraded", "why")}),
            ),
            "sensor started: up 500 ms, b degraded (why)",
        ),
        (
            event(Kind.SENSOR_HEARTBEAT, health=Health(300, 30, unexplained=2, parked=("X: wrong",))),
            "sensor alive: up 5 min, unexplained ≤ 2, parked: X: wrong",
        ),
        (
            event(Kind.SENSOR_HEARTBEAT, health=Health(9, 9, unexplained=12, seen=738, catch_rate=0.984)),
            "sensor alive: up 9.0 s, unexplained ≤ 12: at least 98.4 % of new processes seen",
        ),
        (
            event(Kind.SENSOR_STOP, health=Health(9, 9, unexplained=1, seen=99_999, catch_rate=0.9999)),
            "sensor stopped: up 9.0 s, unexplained ≤ 1: at least 99.9 % of new processes seen",
        ),
        (
            event(Kind.SENSOR_HEARTBEAT, health=Health(9, 9, unexplained=0, seen=7, catch_rate=1.0)),
            "sensor alive: up 9.0 s, unexplained ≤ 0",
        ),
    ],
)
def test_what_happened_in_words(happened: Event, said: str) -> None:
    assert words(plain(happened)) == said


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_even_without_its_parts(kind: Kind) -> None:
    assert words(plain(event(kind, container=None))) != str(kind)


def test_a_kind_of_a_later_schema_is_named() -> None:
    assert words({"kind": "memory.map", "time": "2027-01-15T08:00:00Z"}) == "memory.map"


def test_a_line_says_when_where_who_and_what() -> None:
    text = render(plain(event(Kind.PROCESS_EXEC, process=SHELL)), colour=False, width=160)
    assert text[2] == text[5] == ":"
    assert text[8:].split(maxsplit=3) == ["web", "sh[412]", "root", "ran  sh -c 'cp /bin/ls /tmp/x'"]


def test_a_container_without_a_name_goes_by_its_short_id_and_none_is_the_host() -> None:
    nameless = event(Kind.FILE_CREATE, container=Container("0123456789abcdef"), file=File("/a"))
    assert " 0123456789ab " in render(plain(nameless), colour=False, width=160)
    on_host = event(Kind.FILE_CREATE, container=None, file=File("/a"))
    assert " host " in render(plain(on_host), colour=False, width=160)


def test_hostile_names_neither_end_the_line_nor_drive_the_terminal() -> None:
    evil = "\x1b]0;x\x07\n\u202e"
    happened = event(
        Kind.PROCESS_EXEC,
        container=Container("a", evil),
        process=Process("e", 1, exe="/" + evil, args=("x", evil), user=evil),
    )
    assert render(plain(happened), colour=False, width=400).isprintable()


def test_detections_are_red_and_losses_yellow_only_in_colour() -> None:
    found = plain(event(Kind.DETECTION, process=SHELL, detection=Detection("r", "Shell", "high")))
    lost = plain(event(Kind.SENSOR_LOSS, loss=Loss("full", "exact", 1)))
    assert "\x1b[1;31m high: Shell\x1b[0m" in render(found, colour=True, width=160)
    assert "\x1b[33m lost 1: full\x1b[0m" in render(lost, colour=True, width=160)
    assert "\x1b" not in render(found, colour=False, width=160)


def test_by_default_it_is_brief() -> None:
    view = brief()
    kept = {kind for kind in Kind if view(json.dumps(plain(event(kind, container=None))).encode())}
    assert kept == set(BRIEF)


def test_with_all_everything_is_shown() -> None:
    assert all(brief(everything=True)(json.dumps(plain(event(kind))).encode()) for kind in Kind)


def test_a_destination_is_shown_the_first_time_per_container_and_program() -> None:
    view = brief()
    other = SHELL._replace(exe="/usr/bin/curl")
    assert len(shown(view, outbound(), outbound(), outbound(kind=Kind.NETWORK_FLOW))) == 1
    assert len(shown(view, outbound(process=other), outbound("10.0.0.6"), outbound(process=other))) == 2
    assert len(shown(view, outbound()._replace(container=None))) == 1


def test_who_connects_to_us_is_no_destination() -> None:
    arrived = event(Kind.NETWORK_CONNECT, network=Network("inbound", dst="10.0.0.9", dst_port=5123))
    assert shown(brief(), arrived) == []


def test_destinations_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "REMEMBERED", 2)
    view = brief()
    assert len(shown(view, outbound("10.0.0.1"), outbound("10.0.0.2"), outbound("10.0.0.3"))) == 3
    assert len(shown(view, outbound("10.0.0.3"))) == 0
    assert len(shown(view, outbound("10.0.0.1"))) == 1


def test_what_was_there_before_is_one_line_a_container() -> None:
    before = [event(Kind.PROCESS_EXEC, "snapshot", process=SHELL._replace(pid=pid)) for pid in range(3)]
    before.append(event(Kind.PROCESS_EXEC, "snapshot", process=SHELL._replace(exe="/bin/nginx")))
    before.append(event(Kind.PROCESS_EXEC, "snapshot", container=None, process=SHELL))
    before.append(outbound()._replace(evidence=Evidence("snapshot")))
    view = brief()
    assert shown(view, *before) == []
    heartbeat = event(Kind.SENSOR_HEARTBEAT, health=Health(1, 1))
    lines = (view(json.dumps(plain(heartbeat)).encode()) or b"").decode().splitlines()
    assert [text[24:] for text in lines] == [
        "4 processes were running already: sh 3, nginx",
        "1 process was running already: sh",
    ]
    assert shown(view, outbound()) == [], "the connection was open before"


@pytest.mark.parametrize(("number", "end"), [(8, "p7"), (9, "p7, …")])
def test_of_many_programs_that_were_there_eight_are_named(number: int, end: str) -> None:
    before = [
        event(Kind.PROCESS_EXEC, "snapshot", process=SHELL._replace(exe=f"/bin/p{each}", pid=each))
        for each in range(number)
    ]
    view = brief()
    assert shown(view, *before) == []
    assert shown(view, event(Kind.PROCESS_EXEC, process=SHELL))[0].endswith(f" p5, p6, {end}")


def report(second: int, unexplained: int, seen: int, kind: Kind = Kind.SENSOR_HEARTBEAT) -> Event:
    """A sensor's report so many seconds after now, the rate as the heartbeat would give it."""
    health = Health(second, 30, unexplained=unexplained, seen=seen, catch_rate=catch_rate(seen, unexplained))
    return event(kind, container=None, health=health)._replace(time=Timestamp(NOW + second * NS))


def told_unseen(*reports: Event) -> list[str]:
    return [line.partition("unexplained ≤ ")[2] for line in shown(brief(), *reports)]


def test_a_report_of_something_unseen_is_shown_and_others_are_not() -> None:
    assert told_unseen(report(0, 0, 50), report(30, 2, 98), report(60, 0, 50)) == [
        "2: at least 98.0 % of new processes seen"
    ]


def test_the_unseen_are_told_once_a_minute_with_the_sums_since_then() -> None:
    reports = [report(0, 2, 98), report(30, 5, 95), report(59, 0, 90), report(60, 1, 14), report(90, 0, 9)]
    assert told_unseen(*reports) == [
        "2: at least 98.0 % of new processes seen",
        "6: at least 97.0 % of new processes seen",
    ]


def test_the_last_report_tells_what_is_left_at_once() -> None:
    last = report(20, 0, 4, Kind.SENSOR_STOP)
    assert told_unseen(report(0, 2, 98), report(10, 5, 95), last) == [
        "2: at least 98.0 % of new processes seen",
        "5: at least 95.1 % of new processes seen",
    ]


def test_a_clock_that_was_set_back_hides_no_report() -> None:
    assert len(told_unseen(report(7200, 1, 1), report(0, 1, 1))) == 2


def test_the_loss_before_such_a_report_says_nothing_more_and_is_left_out() -> None:
    loss = event(Kind.SENSOR_LOSS, loss=Loss("unexplained", "at_most", 2), container=None)
    assert shown(brief(), loss) == []
    assert len(shown(brief(everything=True), loss, report(0, 2, 98), report(1, 2, 98))) == 3


def test_the_width_is_asked_for_at_each_line() -> None:
    widths = iter([40, 80])
    view = WatchView(everything=True, colour=False, width=lambda: next(widths))
    long = json.dumps(plain(event(Kind.FILE_CREATE, file=File("/" + "a" * 100)))).encode()
    assert [len((view(long) or b"").decode()) for _ in range(2)] == [40, 80]


def test_colours_only_on_a_terminal_and_not_against_the_users_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.dumps(plain(event(Kind.FILE_CREATE, file=File("/a")))).encode()
    ours, theirs = pty.openpty()
    reading, writing = os.pipe()
    try:
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert b"\x1b" in (for_terminal(theirs, everything=False)(record) or b"")
        assert b"\x1b" not in (for_terminal(writing, everything=False)(record) or b"")
        monkeypatch.setenv("NO_COLOR", "1")
        assert b"\x1b" not in (for_terminal(theirs, everything=False)(record) or b"")
    finally:
        for descriptor in (ours, theirs, reading, writing):
            os.close(descriptor)


def test_sizes_in_powers_of_a_thousand() -> None:
    sizes = [0, 999, 1000, 1234, 999_949, 999_950, 1_500_000, 10**18, 2**63]
    assert [size(n) for n in sizes] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 kB",
        "999.9 kB",
        "1.0 MB",
        "1.5 MB",
        "1.0 EB",
        "9.2 EB",
    ]
