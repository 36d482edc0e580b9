"""The invariant: what happened lies between what was told, and what was told with what was told as lost.

A loss excuses what is missing only where it belongs to the same kind, and to the time between two reports of the sensor
in which that happened; one with a bound excuses no more than its number. What is told twice, or never happened, is no
less a fault than what is missing. Times are seconds since the sensor's start: of reports by their `uptime_s`, which no
step of the wall clock moves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sensor.telemetry.losses import UNEXPLAINED, UNKNOWN, account

PROCESS, FILE, NETWORK, DNS = "process", "file", "network", "dns"
ANY = frozenset({PROCESS, FILE, NETWORK, DNS})
NONE: frozenset[str] = frozenset()
LATE_S = {PROCESS: 5.0, FILE: 20.0, NETWORK: 5.0, DNS: 5.0}
"""How long after something has happened its loss may be noticed. Of files it is a comparison that notices, which begins
seconds later and has to go through all directories."""
RESTARTING = ("restarting", "unavailable")

_KINDS = {
    "process": frozenset({PROCESS}),
    "file": frozenset({FILE}),
    "network": frozenset({NETWORK}),
    "queue": ANY,
    "pipeline": ANY,
    "enrich": ANY,
    "spool": ANY,
    "budget": ANY,
    "delivery": ANY,
}
"""By how the name of the part that counts a loss begins. Others (`sensor`, `task_view`, `log`, `detect`) lose no event:
what was missed while it was stopped, say, is counted by whom it was missed."""
_REASONS = {
    "packets_dropped": frozenset({NETWORK, DNS}),
    "datagrams_skipped": frozenset({NETWORK, DNS}),
    "proc_unreadable": NONE,  # what it has cost is in `unexplained`
    "collector_failed": NONE,  # it is a collector's, by name: `Report.failed`
    "network_dump_failed": NONE,  # ends go on being told, and the next dump follows
}


class Happening(NamedTuple):
    """Something that an app did once, by the name under which its event can be known."""

    kind: str
    name: str
    began: float
    ended: float


@dataclass
class Report:
    """What the sensor told as lost between two reports. `bounded` is how much, by the kinds that it may have been.

    `down_since` is when the process collector failed, if it has just come back: it counts then what it has missed.
    """

    since: float
    until: float
    down_since: float | None = None
    bounded: Counter[frozenset[str]] = field(default_factory=Counter)
    unbounded: frozenset[str] = NONE

    def covers(self, one: Happening) -> bool:
        """Whether its loss may have been noticed in this time."""
        since = self.since
        if one.kind == PROCESS and self.down_since is not None:
            since = self.down_since
        return since <= one.ended + LATE_S[one.kind] and self.until >= one.began

    def take(self, kind: str) -> bool:
        """Use up one of what was lost, of the fewest kinds first."""
        for kinds in sorted(self.bounded, key=len):
            if kind in kinds and self.bounded[kinds] > 0:
                self.bounded[kinds] -= 1
                return True
        return False


class Verdict(NamedTuple):
    """Empty lists where the invariant holds. `excused` counts what is missing and was told as lost, by kind."""

    gaps: list[str]
    doubles: list[str]
    inventions: list[str]
    untold: list[str]
    excused: dict[str, int]

    def faults(self) -> list[str]:
        """All that is wrong, in words."""
        words = {"missing": self.gaps, "twice": self.doubles, "invented": self.inventions, "not told": self.untold}
        return [f"{word}: {name}" for word, names in words.items() for name in names]


def kinds_of(reason: str, source: str | None = None) -> frozenset[str]:
    """The kinds of events that a loss may have taken."""
    if reason in _REASONS:
        return _REASONS[reason]
    if reason.startswith("dns_"):
        return frozenset({DNS})
    begins = (source or account(reason).source or "").partition("_")[0]
    return _KINDS.get(begins, NONE)


def reports(events: Iterable[Mapping[str, Any]]) -> list[Report]:
    """The reports of one life of a sensor, from its `sensor.*` events in any order."""
    all_events = list(events)
    bounds = _bounds(all_events)
    found: list[Report] = []
    before, failed, down_before = Counter[str](), NONE, False
    for health in sorted((e["health"] for e in all_events if "health" in e), key=lambda health: health["uptime_s"]):
        lost = Counter(health.get("losses") or {})
        one = Report(health["uptime_s"] - health["interval_s"], health["uptime_s"])
        if PROCESS in failed or down_before:  # it is said to be back, and then looks
            one.down_since = _down_since(found[-1])
        new = lost - before
        new[UNEXPLAINED] += health.get("unexplained") or 0
        for reason, number in new.items():
            if bounds.get(reason, account(reason).bound) == UNKNOWN:
                one.unbounded |= kinds_of(reason) if number else NONE
            else:
                one.bounded[kinds_of(reason)] += number
        down = _down(health.get("collectors") or {})
        one.unbounded |= (failed | down) - {PROCESS}  # from its failure until the report that has it running again
        before, failed, down_before = lost, down, PROCESS in failed
        found.append(one)
    return found


def untold(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Reasons by which the last report counts more than `sensor.loss` events have told."""
    all_events = list(events)
    bounds = _bounds(all_events)
    last = max((e["health"] for e in all_events if "health" in e), key=lambda health: health["uptime_s"])
    told: Counter[str] = Counter()
    for loss in (e["loss"] for e in all_events if "loss" in e):
        told[loss["reason"]] += loss.get("count") or 0
    return [
        f"{reason}: {n} counted, {told[reason]} told"
        for reason, n in (last.get("losses") or {}).items()
        if reason not in bounds or (bounds[reason] != UNKNOWN and told[reason] < n)
    ]


def verdict(
    happened: Sequence[Happening],
    told: Mapping[tuple[str, str], int],
    sensor_events: Sequence[Mapping[str, Any]],
    nameless: Mapping[str, int] | None = None,
) -> Verdict:
    """`told` says how many events there are of each kind and name, of names that only the test gives; `nameless` how
    many of a kind were told without theirs, each of which must be one that is missing."""
    without_name = Counter(nameless)
    names = {(one.kind, one.name) for one in happened}
    given = reports(sensor_events)
    missing = sorted((one for one in happened if not told.get((one.kind, one.name))), key=lambda one: one.ended)
    gaps = [one for one in missing if not _is_excused(one, given)]
    excused = Counter(one.kind for one in missing)
    excused.subtract(one.kind for one in gaps)
    for kind, n in without_name.items():
        by_another_name = [one for one in gaps if one.kind == kind][:n]
        gaps = [one for one in gaps if one not in by_another_name]
    ghosts = without_name - Counter(one.kind for one in missing)
    return Verdict(
        gaps=[f"{one.kind} {one.name} at {one.began:.1f} to {one.ended:.1f} s" for one in gaps],
        doubles=[f"{kind} {name}, {n} times" for (kind, name), n in told.items() if n > 1],
        inventions=[f"{kind} {name}" for kind, name in told if (kind, name) not in names]
        + [f"{n} of {without_name[kind]} without a name: {kind}" for kind, n in ghosts.items()],
        untold=untold(sensor_events),
        excused={kind: n for kind, n in excused.items() if n},
    )


def _is_excused(one: Happening, given: Sequence[Report]) -> bool:
    """The oldest report first: what comes later may need the newer ones.

    A number may also be in the report after that of its time, however long that was: a sensor that was stopped may
    report before it has looked.
    """
    near = [report for report in given if report.covers(one)]
    if any(one.kind in report.unbounded for report in near):
        return True
    own_and_next = [report for report in given if report.until >= one.ended][:2]
    return any(report.take(one.kind) for report in given if report in near or report in own_and_next)


def _bounds(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The bound that each reason was told with, the vaguest where they differ."""
    found: dict[str, str] = {}
    for loss in (event["loss"] for event in events if "loss" in event):
        if found.get(loss["reason"]) != UNKNOWN:
            found[loss["reason"]] = loss["bound"]
    return found


def _down(collectors: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Of what kinds nobody tells now."""
    names = [name for name, health in collectors.items() if health["status"] in RESTARTING]
    return frozenset().union(*(kinds_of("", name) for name in names))


def _down_since(report: Report) -> float:
    return report.since if report.down_since is None else report.down_since
