"""Events made to meet rules: out of the texts that the rules look for, whole, cut, joined and in another case."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from sensor.detect.compact import Condition, Rule
from sensor.model.events import Ancestor, Container, Dns, Event, Evidence, File, Network, Process
from sensor.model.kinds import Kind
from tests.fakes import START

SAMPLES = ("/usr/bin/python3.13", "ls -la /srv", "10.0.0.7", "root", "443", "example.org", "/tmp", "/etc/passwd", "x")
PATHS = ("/bin", "/usr/bin", "/opt/app", "/tmp")

Found = dict[str, list[str]]


def texts(condition: Condition) -> Iterator[tuple[str, str, str]]:
    """Field, way and text of every comparison with texts in the condition."""
    operator, *rest = condition
    if operator in ("and", "or", "not"):
        for part in rest:
            yield from texts(part)
    elif operator == "is":
        yield from ((rest[0], rest[1], text) for text in rest[3])
    elif operator == "like":
        yield rest[0], "equals", "".join(part + "y" for part in rest[2])
    elif operator == "cidr":
        yield from ((rest[0], "equals", network.partition("/")[0]) for network in rest[1])


class EventMaker:
    """Draws events that are near to what rules want; `parents` holds the process above each."""

    def __init__(self, rules: Sequence[Rule], random: Random) -> None:
        self._random = random
        self._rules = [rule for rule in rules if rule.variants]
        self.parents: dict[str, Process] = {}
        self._made = 0

    def event(self) -> Event:
        """The next event."""
        random = self._random
        variant = random.choice(random.choice(self._rules).variants)
        wanted: Found = {}
        for field, how, text in texts(variant.condition):
            if random.random() < 0.7:
                wanted.setdefault(field, []).append(self._shaped(how, text))
        return self._built(Kind(random.choice(variant.kinds)), wanted)

    def _shaped(self, how: str, text: str) -> str:
        random = self._random
        before = random.choice(PATHS) if text.startswith("/") else random.choice(("", "sudo ", "/bin/"))
        if how in ("contains", "endswith") and random.random() < 0.8:
            text = before + text
        if how in ("contains", "startswith") and random.random() < 0.6:
            text += random.choice((" now", "/x", "4"))
        if random.random() < 0.2:
            text = text.upper()
        return text[1:] if random.random() < 0.1 else text

    def _pick(self, wanted: Found, *fields: str, default: Any = None) -> Any:
        found = [text for field in fields for text in wanted.get(field, ())]
        if found:
            return self._random.choice(found)
        return self._random.choice(SAMPLES) if self._random.random() < 0.3 else default

    def _built(self, kind: Kind, wanted: Found) -> Event:
        self._made += 1
        event = Event(kind, START, Evidence("test"), container=Container("c1", "app", "shop:1.4"))
        event = event._replace(process=self._process(wanted) if self._random.random() < 0.9 else None)
        if kind.startswith("file."):
            path = self._pick(wanted, "TargetFilename", "file.path", "name", "*", default="/srv/data")
            return event._replace(file=File(path, mode=self._random.choice((None, 0o100644, 0o104755))))
        if kind.startswith("network."):
            return event._replace(network=self._network(wanted))
        if kind is Kind.DNS_QUERY:
            return event._replace(
                dns=Dns(self._pick(wanted, "QueryName", "query", "dns.question", "*", default="a.b"), "A")
            )
        return event

    def _process(self, wanted: Found) -> Process:
        entity = f"entity-{self._made}"
        parent = self._pick(wanted, "ParentImage", default="/bin/bash")
        above = self._pick(wanted, "ParentCommandLine", default="bash -l")
        self.parents[f"above-{self._made}"] = Process(
            f"above-{self._made}", 1, exe=parent, args=tuple(above.split(" "))
        )
        chain = [Ancestor(f"above-{self._made}", 1, parent)]
        chain += [Ancestor("top", 1, path) for path in wanted.get("process.ancestors", ())]
        name = self._pick(wanted, "process.name", default="app")
        return Process(
            entity,
            self._made,
            exe=self._pick(wanted, "Image", "exe", "process.exe", default=f"/usr/bin/{name}"),
            args=self._args(wanted, name),
            cwd=self._pick(wanted, "CurrentDirectory", "cwd"),
            uid=self._random.choice((None, 0, 33, 1000)),
            user=self._pick(wanted, "User"),
            ancestors=tuple(chain) if self._random.random() < 0.9 else (),
        )

    def _args(self, wanted: Found, name: str) -> tuple[str, ...] | None:
        """`a0`, `a1`… in their places, or the parts of a command line."""
        if numbered := [field for field in wanted if field[0] == "a" and field[1:].isdigit()]:
            last = max(int(field[1:]) for field in numbered)
            return tuple(self._pick(wanted, f"a{number}", default="-v") for number in range(last + 1))
        parts = [text for field in ("CommandLine", "*", "proctitle") for text in wanted.get(field, ())]
        self._random.shuffle(parts)
        whole = (
            " ".join([self._random.choice((name, f"/bin/{name}")), *parts]) if self._random.random() < 0.7 else parts
        )
        return tuple(whole.split(" ")) if isinstance(whole, str) else (tuple(whole) or None)

    def _network(self, wanted: Found) -> Network:
        port = str(self._pick(wanted, "DestinationPort", "network.dst_port", default=443))
        return Network(
            direction=self._random.choice(("outbound", "inbound", None)),
            transport="tcp",
            src="10.0.0.2",
            src_port=40001,
            dst=self._pick(wanted, "DestinationIp", "network.dst", default="203.0.113.9"),
            dst_port=int(port) if port.isdecimal() else None,
            hostname=self._pick(wanted, "DestinationHostname", "network.hostname", "*"),
        )
