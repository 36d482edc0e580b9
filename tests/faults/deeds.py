"""What an app does before the sensor's eyes: each thing once, with a name of its own, and with its time written down.

Everything must go well for the app, whatever is done to the sensor: what fails is raised.
"""

import secrets
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dns_bytes
from ledger import DNS, FILE, NETWORK, PROCESS, Happening

FIRST_PORT, LAST_PORT = 2000, 32_000
"""Below those that the kernel hands out by itself."""
RESOLVER = ("127.0.0.1", 53)


class Deeds:
    """Files come into `directory`. `happened` has monotonic times; names have a number that no other app's have."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mine = f"{secrets.randbelow(10**5):05d}"
        self._ports = iter(range(FIRST_PORT, LAST_PORT))
        self.happened: list[Happening] = []

    def program(self) -> str:
        """A program of 20 ms, known by its argument."""
        name = f"0.02{self._mine}{len(self.happened):05d}"
        return self._done(PROCESS, name, lambda: subprocess.run(["sleep", name], check=True))

    def file(self) -> str:
        """A new file, known by its name."""
        name = f"file-{self._mine}-{len(self.happened):05d}"
        return self._done(FILE, name, lambda: (self._directory / name).write_text("x"))

    def socket(self) -> str:
        """A UDP socket that comes and goes, known by its port."""
        begin = time.monotonic()
        with socket.socket(type=socket.SOCK_DGRAM) as made:
            for port in self._ports:
                try:
                    made.bind(("", port))
                    break
                except OSError:
                    continue  # somebody else's on this machine
        self.happened.append(Happening(NETWORK, str(port), begin, time.monotonic()))
        return str(port)

    def query(self) -> str:
        """A question to the resolver, known by its name. For where a `Resolver` answers."""
        name = f"q{self._mine}-{len(self.happened):05d}.campaign.test"

        def ask() -> None:
            with socket.socket(type=socket.SOCK_DGRAM) as asking:
                asking.settimeout(10)
                asking.connect(RESOLVER)
                asking.send(dns_bytes.query(len(self.happened) & 0xFFFF, name))
                asking.recv(512)

        return self._done(DNS, name, ask)

    def are_ours(self, kind: str, name: str) -> bool:
        """Whether the name can be of this app: others on this machine do things too."""
        return self._mine in name if kind != NETWORK else any(one.name == name for one in self.happened)

    def since(self, zero: float) -> list[Happening]:
        """All of it, in the time of a sensor that began at `zero`."""
        return [one._replace(began=one.began - zero, ended=one.ended - zero) for one in self.happened]

    def _done(self, kind: str, name: str, deed: Any) -> str:
        begin = time.monotonic()
        deed()
        self.happened.append(Happening(kind, name, begin, time.monotonic()))
        return name


def told(events: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """How many events tell of each deed, by its kind and name; what is none of ours is left out."""
    return Counter(key for event in events if (key := _deed_of(event)) is not None)


def nameless(events: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How many deeds of each kind were told without their names: in one event with another, where the sensor folds to
    keep to its budget, or a run of the app's program without the argument that names it, since it was gone too soon.
    """
    found: Counter[str] = Counter()
    for event in events:
        if _is_ours_unnamed(event):
            found[PROCESS] += event.get("count", 1)
        elif (key := _deed_of(event)) is not None:
            found[key[0]] += event.get("count", 1) - 1
    return +found


def _deed_of(event: Mapping[str, Any]) -> tuple[str, str] | None:
    match event["kind"]:
        case "process.exec":
            args = event["process"].get("args") or [""]
            return (PROCESS, args[-1]) if args[0] == "sleep" and args[-1].startswith("0.02") else None
        case "file.create" | "file.delete" as kind:
            name = event["file"]["path"].rpartition("/")[2]
            is_ours = name.startswith("file-") and not event.get("container")  # one that has our /tmp is told of it too
            told_as = name if kind == "file.create" else f"deletion of {name}"  # which nobody does
            return (FILE, told_as) if is_ours else None
        case "network.flow":
            network = event["network"]
            port = network.get("src_port") or 0
            is_ours = network.get("transport") == "udp" and FIRST_PORT <= port < LAST_PORT and not network.get("dst")
            return (NETWORK, str(port)) if is_ours else None
        case "dns.query":
            question = event["dns"]["question"].rstrip(".")
            return (DNS, question) if question.endswith(".campaign.test") else None
    return None


def _is_ours_unnamed(event: Mapping[str, Any]) -> bool:
    if event["kind"] != "process.exec" or event["process"].get("args") or event.get("container"):
        return False
    process = event["process"]
    return str(process.get("exe") or process.get("comm") or "").rpartition("/")[2] == "sleep"
