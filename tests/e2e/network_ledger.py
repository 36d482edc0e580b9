"""What an app did, by its ledger, beside what the ingest was told of it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import network_load
import network_peer
from docker_cli import Container, wait_for
from fargate_task import FargateTask
from ingest_container import Event, IngestContainer
from lab import Lab
from short_processes import wait_over

from sensor.config.settings import SETTINGS, variable

Entry = Mapping[str, Any]
UNFOLDED = {variable(setting.name): "off" for setting in SETTINGS if setting.name in ("fold", "network_fold")}
"""Each connection and each program is told by itself."""


class Traffic:
    """One app of a task that makes traffic, and what the ingest learns of it from then on."""

    def __init__(
        self,
        lab: Lab,
        place: FargateTask | str,
        image: str,
        case: str,
        *,
        user: str = "0",
        options: Sequence[str] = (),
        **wanted: Any,
    ) -> None:
        """`place` is a task, or a network for an app that is in no task; `options` are docker's."""
        self._ingest: IngestContainer = lab.ingest
        self._since = datetime.now(UTC).isoformat()
        inside = place.shared if isinstance(place, FargateTask) else [f"--network={place}"]
        command = ["python3", "-u", "-c", network_load.SOURCE, json.dumps({"case": case, **wanted})]
        self.app: Container = lab.new(case, image, [*inside, f"--user={user}", *options], command).start()

    def ledger(self, deadline: float = 60) -> Any:
        """What it did, once it has ended and the ingest knows that."""
        wait_over(self._ingest, self.app, deadline)
        return read(self.app)

    def told(self, *kinds: str) -> list[Event]:
        """The events of these kinds that have come since it started."""
        return [event for kind in kinds for event in self._ingest.events(kind=kind, since=self._since)]


def start_peer(lab: Lab, image: str, *options: str) -> Container:
    """The other end of the traffic, in a container outside of the task, ready."""
    command = ["python3", "-u", "-c", network_peer.SOURCE]
    peer = lab.new("peer", image, [f"--network={lab.network}", *options], command).start()
    wait_for("the peer listens", lambda: network_peer.READY in peer.logs())
    return peer


def start_resolver(lab: Lab, image: str, options: Sequence[str], command: Sequence[str]) -> Container:
    """dnsmasq with docker's options and a command of `dns_zone`, answering."""
    made = lab.new("dns", image, options, command).start()
    wait_for("dnsmasq answers", lambda: "started" in made.logs() and made.running())
    return made


def read(app: Container) -> Any:
    """The ledger of an app that has ended. Raises AssertionError with what it wrote where it did not end well."""
    if app.exit_code() != 0:
        raise AssertionError(f"{app.role} has failed: {app.logs()[-2000:]}")
    return json.loads(app.logs().splitlines()[-1])


@dataclass
class Score:
    """How much of a ledger was told: flows, with the very bytes, with the right process, by evidence; and wrong ones.

    `with_bytes` is how many carried any; `one_off` counts where one byte came too few: the peer's FIN was taken for one
    that had been counted (`network_events.payload`). `outcomes` counts pairs of what happened and what was told;
    `wrong_by` the evidence of wrong processes.
    """

    total: int = 0
    told: int = 0
    with_bytes: int = 0
    sized: int = 0
    one_off: int = 0
    owned: int = 0
    named: int = 0
    evidence: Counter[str] = field(default_factory=Counter)
    wrong_by: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def outcomes_told(self) -> int:
        """How many have the outcome that they had."""
        return sum(n for (happened, told), n in self.outcomes.items() if happened == told)

    def take(self, entry: Entry, flow: Event | None, connect: Event | None) -> None:
        """One entry with what was told of it."""
        self.total += 1
        self.told += flow is not None
        if "outcome" in entry:
            told = [event["network"].get("outcome") for event in (flow, connect) if event is not None]
            self.outcomes[entry["outcome"], _last(told, entry["outcome"])] += 1
        self.with_bytes += "bytes_in" in entry
        if flow is None:
            return
        network = flow["network"]
        if "bytes_in" in entry and network.get("bytes_out") == entry["bytes_out"]:
            lacking = entry["bytes_in"] - network.get("bytes_in", -1)
            self.sized += lacking == 0
            self.one_off += lacking == 1
        evidence = network.get("owner_evidence") or "absent"
        self.evidence[evidence] += 1
        self.named += "hostname" in network
        pid = (flow.get("process") or {}).get("pid")
        self.owned += pid == entry["pid"]
        if pid not in (None, entry["pid"]):
            self.wrong_by[evidence] += 1


def _last(outcomes: Sequence[str | None], happened: str | None) -> str:
    """What was told in the end: the flow's outcome, else the connect's; either is enough where it is right."""
    known = [outcome for outcome in outcomes if outcome]
    if happened in known:
        return str(happened)
    return known[0] if known else "not told"


def score(entries: Iterable[Entry], events: Iterable[Event]) -> Score:
    """The entries of connections and sockets, each with its own events."""
    flows, connects = _Index("network.flow", events), _Index("network.connect", events)
    result = Score()
    for entry in entries:
        result.take(entry, flows.pop(entry), connects.pop(entry))
    return result


class _Index:
    """Events of one kind by their ends. What failed has no local port any more, for the app and often in the event."""

    def __init__(self, kind: str, events: Iterable[Event]) -> None:
        self._by_ends: dict[tuple[Any, ...], list[Event]] = {}
        for event in events:
            if event["kind"] == kind:
                for key in set(_keys(event["network"])):
                    self._by_ends.setdefault(key, []).append(event)
        self._taken: set[str] = set()

    def pop(self, entry: Entry) -> Event | None:
        """The event of an entry, each given once."""
        for event in self._by_ends.get(_keys(entry)[0 if entry["src_port"] else 1], ()):
            if event["id"] not in self._taken:
                self._taken.add(event["id"])
                return event
        return None


def _keys(ends: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    peer = (ends["transport"], ends.get("dst"), ends.get("dst_port"))
    return [(*peer, ends.get("src_port")), (*peer, None)]
