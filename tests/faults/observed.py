"""What the ingest knows of a sensor and of an app's deeds."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import psutil
from deeds import Deeds, nameless, told
from ingest_process import Running
from ingest_samples import READING
from ledger import DNS, FILE, NETWORK, PROCESS, Verdict, verdict

KINDS = {PROCESS: "process.exec", FILE: "file.create,file.delete", NETWORK: "network.flow", DNS: "dns.query"}
REPORTS = "sensor.start,sensor.heartbeat,sensor.loss,sensor.stop"
Event = Mapping[str, Any]


class Observed:
    """The first life of a sensor that delivers to this ingest."""

    def __init__(self, ingest: Running, deeds: Deeds) -> None:
        self._ingest = ingest
        self._deeds = deeds
        self._zero: float | None = None

    def events(self, kinds: str, **query: str) -> Iterator[Event]:
        """All of these kinds, oldest first."""
        cursor: dict[str, str] = {}
        while True:
            page = self._page({"kind": kinds, "order": "asc", "limit": "1000", **query, **cursor})
            yield from page["events"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def started(self) -> bool:
        """Whether the sensor has told of its start; from then on its time is known."""
        for event in self.events("sensor.start"):
            ago = time.time() - _seconds(event["time"])
            self._zero = time.monotonic() - ago - event["health"]["uptime_s"]
            return True
        return False

    def now(self) -> float:
        """Seconds since the sensor's start."""
        assert self._zero is not None, "the sensor never started"
        return time.monotonic() - self._zero

    def knows(self, kind: str, name: str) -> bool:
        """Whether this deed was told by its name."""
        return bool(told(self.events(KINDS[kind], q=name))[kind, name])

    def verdict(self) -> Verdict:
        """On all deeds, once the sensor has ended."""
        zero = time.monotonic() - self.now()
        events = list(self.events(",".join(KINDS.values())))
        ours = {key: n for key, n in told(events).items() if self._deeds.are_ours(*key)}
        return verdict(self._deeds.since(zero), ours, list(self.events(REPORTS)), nameless(events))

    def ended_alive(self) -> list[str]:
        """Programs of processes that were told as ended, and still run."""
        ended = (event["process"] for event in self.events("process.exit") if "start" in event["process"])
        return [str(process.get("exe")) for process in ended if _runs(process["pid"], process["start"])]

    def losses(self) -> dict[str, int]:
        """By reason, as the last report has them."""
        last = max(self._healths(), key=lambda health: health["uptime_s"])
        unexplained = sum(health.get("unexplained") or 0 for health in self._healths())
        return {**(last.get("losses") or {}), "unexplained": unexplained}

    def memory(self) -> list[int]:
        """The proportional set size of the sensor's processes, in bytes, from report to report."""
        return [health["memory_bytes"] for health in self._healths() if health.get("memory_bytes")]

    def _healths(self) -> list[Event]:
        return [event["health"] for event in self.events(REPORTS) if "health" in event]

    def _page(self, query: Mapping[str, str]) -> Any:
        answer = httpx.get(f"{self._ingest.url}/v1/events", params=query, headers=READING, timeout=30, trust_env=False)
        return answer.raise_for_status().json()


def _runs(pid: int, start: str) -> bool:
    """Whether the process with this number that started then runs."""
    try:
        found = psutil.Process(pid)
        return abs(found.create_time() - _seconds(start)) < 0.1 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _seconds(time: str) -> float:
    """Wall time of an event's, which has more digits than Python takes."""
    return datetime.fromisoformat(time[:26] + "+00:00").timestamp()


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in this time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
