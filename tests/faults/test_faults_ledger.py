"""The checker of the campaign fails where it should: on a gap, a double, an invention, a loss that is another's."""

from collections import Counter
from typing import Any

import pytest
from deeds import nameless, told
from ledger import DNS, FILE, NETWORK, PROCESS, Happening, kinds_of, reports, verdict

from sensor.telemetry.losses import ACCOUNTS


def health(uptime: float, unexplained: int = 0, interval: float = 10.0, **losses: int) -> dict[str, Any]:
    """A report; losses run since the start."""
    return {
        "kind": "sensor.heartbeat",
        "health": {"uptime_s": uptime, "interval_s": interval, "unexplained": unexplained, "losses": losses},
    }


def loss(reason: str, bound: str, count: int | None = None) -> dict[str, Any]:
    return {"kind": "sensor.loss", "loss": {"reason": reason, "bound": bound, "count": count}}


def restarting(report: dict[str, Any], *names: str) -> dict[str, Any]:
    report["health"]["collectors"] = {name: {"status": "restarting"} for name in names}
    return report


def did(kind: str, name: str, at: float) -> Happening:
    return Happening(kind, name, at, at)


def faults(happened: list[Happening], told: list[tuple[str, str]], *sensor: dict[str, Any]) -> list[str]:
    return verdict(happened, Counter(told), sensor or (health(100.0, interval=100.0),)).faults()


def test_what_was_told_once_is_no_fault() -> None:
    assert faults([did(PROCESS, "a", 1), did(FILE, "b", 2)], [(PROCESS, "a"), (FILE, "b")]) == []


@pytest.mark.parametrize("kind", [PROCESS, FILE, NETWORK, DNS])
def test_what_is_missing_without_a_loss_is_a_gap(kind: str) -> None:
    assert faults([did(kind, "a", 1)], []) == [f"missing: {kind} a at 1.0 to 1.0 s"]


def test_what_is_told_twice_or_never_happened_is_a_fault() -> None:
    told = [(PROCESS, "a"), (PROCESS, "a"), (FILE, "ghost")]
    assert faults([did(PROCESS, "a", 1)], told) == ["twice: process a, 2 times", "invented: file ghost"]


def test_a_bound_excuses_no_more_than_its_number() -> None:
    happened = [did(PROCESS, name, 5) for name in "abc"]
    assert len(faults(happened, [], health(10, unexplained=2))) == 1
    assert faults(happened, [], health(10, unexplained=3)) == []


def test_a_bound_is_of_its_own_kind() -> None:
    assert faults([did(FILE, "a", 5)], [], health(10, unexplained=1)) == ["missing: file a at 5.0 to 5.0 s"]
    for reason, kinds in (("connections_skipped", {NETWORK}), ("datagrams_skipped", {NETWORK, DNS})):
        for kind in (PROCESS, FILE, NETWORK, DNS):
            found = faults([did(kind, "a", 5)], [], loss(reason, "at_most", 1), health(10, **{reason: 1}))
            assert (found == []) is (kind in kinds)


@pytest.mark.parametrize(
    ("reason", "excused"),
    [
        ("inotify_overflow", {FILE}),
        ("netlink_overflow", {NETWORK}),
        ("dns_stream_gap", {DNS}),
        ("proc_unreadable", set()),
        ("stalled", set()),
        ("tampered", set()),
        ("helper_lost", set()),
        ("collector_failed", set()),
        ("spool_corrupt", {PROCESS, FILE, NETWORK, DNS}),
    ],
)
def test_an_unknown_bound_is_of_its_own_kind(reason: str, excused: set[str]) -> None:
    happened = [did(kind, "a", 5) for kind in (PROCESS, FILE, NETWORK, DNS)]
    found = verdict(happened, {}, [loss(reason, "unknown"), health(10, **{reason: 1})])
    assert set(found.excused) == excused
    assert len(found.gaps) == 4 - len(excused)


def test_an_unknown_bound_is_of_its_own_time() -> None:
    happened = [did(DNS, "before", 4), did(DNS, "meanwhile", 15), did(DNS, "after", 25)]
    beats = [health(10), health(20, dns_stream_gap=1), health(30, dns_stream_gap=1)]
    found = verdict(happened, {}, [loss("dns_stream_gap", "unknown"), *beats])
    assert [gap.split()[1] for gap in found.gaps] == ["before", "after"]


def test_a_loss_may_be_noticed_a_little_later() -> None:
    assert faults([did(PROCESS, "a", 9)], [], health(10), health(20, unexplained=1)) == []


def test_a_number_may_be_in_the_report_after_that_of_a_stop() -> None:
    stopped, after, later = health(20, interval=20), health(25, 1, 5), health(30, 1, 5)
    assert faults([did(PROCESS, "a", 3)], [], stopped, after) == []
    assert len(faults([did(PROCESS, "a", 3)], [], stopped, health(25, 0, 5), later)) == 1


def test_a_bound_that_is_used_up_is_looked_for_in_the_next_report() -> None:
    happened = [did(PROCESS, "a", 8), did(PROCESS, "b", 9), did(PROCESS, "c", 19)]
    assert len(faults(happened, [], health(10, unexplained=1), health(20, unexplained=1))) == 1
    assert faults(happened, [], health(10, unexplained=1), health(20, unexplained=2)) == []


def test_a_bound_of_any_kind_is_kept_for_what_has_no_other() -> None:
    sensor = [loss("queue_full", "exact", 1), health(10, unexplained=1, queue_full=1)]
    assert faults([did(PROCESS, "a", 5), did(FILE, "b", 5)], [], *sensor) == []
    assert len(faults([did(FILE, "a", 5), did(FILE, "b", 5)], [], *sensor)) == 1


def test_a_number_in_the_event_bounds_what_the_account_does_not() -> None:
    sensor = [loss("netlink_overflow", "exact", 1), health(10, netlink_overflow=1)]
    assert faults([did(NETWORK, "a", 5)], [], *sensor) == []
    assert len(faults([did(NETWORK, "a", 5), did(NETWORK, "b", 5)], [], *sensor)) == 1


def test_a_collector_that_is_down_excuses_its_kind_until_it_is_back() -> None:
    beats = [health(30), restarting(health(40), "file_inotify"), health(50), health(60)]
    happened = [did(FILE, str(at), at) for at in (4, 35, 45, 55)] + [did(NETWORK, "35", 35)]
    gaps = [gap.split(" at")[0] for gap in faults(happened, [], *beats)]
    assert gaps == ["missing: file 4", "missing: network 35", "missing: file 55"]


def test_a_process_collector_that_was_down_has_counted_what_it_missed() -> None:
    down = [restarting(health(at), "process_cursor") for at in (20, 30)]
    beats = [health(10), *down, health(40), health(50, unexplained=1), health(60, unexplained=1)]
    assert faults([did(PROCESS, "a", 12)], [], *beats) == []
    assert len(faults([did(PROCESS, "a", 12), did(PROCESS, "b", 12)], [], *beats)) == 1
    assert len(faults([did(FILE, "a", 12)], [], *beats)) == 1


def test_a_program_without_its_name_stands_for_one_that_is_missing_and_for_no_other() -> None:
    happened = [did(PROCESS, "a", 5), did(PROCESS, "b", 5)]
    sensor = [health(10)]
    assert verdict(happened, {}, sensor, nameless={PROCESS: 2}).faults() == []
    assert len(verdict(happened, {}, sensor, nameless={PROCESS: 1}).gaps) == 1
    assert verdict(happened, {(PROCESS, "a"): 1}, sensor, nameless={PROCESS: 2}).inventions == [
        "1 of 2 without a name: process"
    ]


def test_what_was_told_with_another_in_one_event_is_no_gap_and_no_double() -> None:
    process = {"args": ["sleep", "0.02000010"]}
    events = [{"kind": "process.exec", "process": process, "count": 3}]
    happened = [did(PROCESS, f"0.020000{number}", 5) for number in (10, 11, 12)]
    assert verdict(happened, told(events), [health(10)], nameless(events)).faults() == []
    assert len(verdict(happened[:2], told(events), [health(10)], nameless(events)).inventions) == 1
    assert len(verdict(happened, told(events * 2), [health(10)], nameless(events * 2)).doubles) == 1


def test_what_is_counted_and_told_to_nobody_is_a_fault() -> None:
    assert faults([], [], health(10, queue_full=2)) == ["not told: queue_full: 2 counted, 0 told"]
    assert faults([], [], loss("queue_full", "exact", 1), health(10, queue_full=2)) == [
        "not told: queue_full: 2 counted, 1 told"
    ]
    assert faults([], [], loss("stalled", "unknown"), health(10, stalled=2)) == []


def test_reports_are_in_the_order_of_the_sensors_own_time() -> None:
    assert [(one.since, one.until) for one in reports([health(20), health(10)])] == [(0, 10), (10, 20)]


def test_every_loss_of_a_collector_is_of_some_kind() -> None:
    """A new reason must be one of what is seen, or be named as one that costs nothing."""
    nothing = {"proc_unreadable", "collector_failed", "network_dump_failed"}
    for reason, account in ACCOUNTS.items():
        if (account.source or "").startswith(("process", "file", "network")) and reason not in nothing:
            assert kinds_of(reason), reason
