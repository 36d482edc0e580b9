"""What happened, in words: one function a kind, from the JSON form of an event."""

import shlex
from collections.abc import Callable, Mapping
from signal import Signals
from typing import Any

from sensor.model.errors import MalformedEvent
from sensor.model.times import NS, from_rfc3339
from sensor.telemetry.losses import UNEXPLAINED

Plain = Mapping[str, Any]


def words(event: Plain) -> str:
    """What happened, and how often where several were folded into one."""
    told = _WORDS.get(event["kind"])
    text = told(event) if told else str(event["kind"])
    count = event.get("count", 1)
    return f"{text} ({count} times)" if count > 1 else text


def part(event: Plain, name: str) -> Plain:
    """A part of an event, empty where it has none."""
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def program(process: Plain) -> str:
    """The short name of a program: its file's, or what the process calls itself."""
    args = process.get("args") or [""]
    known = (str(name or "").rsplit("/", 1)[-1] for name in (process.get("exe"), process.get("comm"), args[0]))
    return next(filter(None, known), "?")


def peer(network: Plain) -> str:
    """`10.0.0.5:443 (example.org)`, `[::1]:80`."""
    name = network.get("hostname")
    return _end(network.get("dst"), network.get("dst_port")) + (f" ({name})" if name else "")


def unexplained(number: int, rate: float | None) -> str:
    """`unexplained ≤ 12: at least 98.4 % of new processes seen`; cut, not rounded, so that it is never too good."""
    bound = f"unexplained ≤ {number:,}"
    if not number or rate is None:
        return bound
    return f"{bound}: at least {int(rate * 1000 + 1e-6) / 10:.1f} % of new processes seen"


def size(value: int) -> str:
    """`300 B`, `1.2 kB`, in powers of 1,000."""
    if value < 1000:
        return f"{value} B"
    scaled, units = float(value), iter("kMGTPE")
    unit = ""
    while scaled >= 999.95:
        scaled, unit = scaled / 1000, next(units)
    return f"{scaled:.1f} {unit}B"


def _exec(event: Plain) -> str:
    verb = "runs" if part(event, "evidence").get("source") == "snapshot" else "ran "
    process = part(event, "process")
    if args := process.get("args"):
        return f"{verb} {shlex.join(args)}"
    missing = {m.get("field"): m.get("reason") for m in part(event, "evidence").get("missing", ())}
    why = missing.get("process.args") or missing.get("args") or "unknown"
    return f"{verb} {process.get('exe') or '?'} (arguments: {why})"


def _exit(event: Plain) -> str:
    process = part(event, "process")
    code = process.get("exit_code")
    how = "exited" if code is None else f"exited {code}" if code >= 0 else f"was killed by {_signal(-code)}"
    try:
        alive = (from_rfc3339(event["time"]) - from_rfc3339(process.get("start"))) / NS
    except MalformedEvent:
        return how  # it is not known when it started
    return f"{how} after {_duration(alive)}"


def _identity(event: Plain) -> str:
    process = part(event, "process")
    return f"became {process.get('user') or 'uid ' + str(process.get('uid', '?'))}"


def _connect(event: Plain) -> str:
    network = part(event, "network")
    if network.get("direction") == "inbound":
        return f"accepted {peer(network)} on port {network.get('src_port', '?')}"
    verbs = {"refused": "was refused by", "timed_out": "got no answer from", "reset": "was reset by"}
    return f"{verbs.get(network.get('outcome', ''), 'connected to')} {peer(network)}"


def _listen(event: Plain) -> str:
    network = part(event, "network")
    return f"listens on {_end(network.get('src'), network.get('src_port'))} {network.get('transport') or ''}".rstrip()


def _flow(event: Plain) -> str:
    network = part(event, "network")
    preposition = "from" if network.get("direction") == "inbound" else "to"
    volume = [f"{size(network[f'bytes_{way}'])} {way}" for way in ("in", "out") if f"bytes_{way}" in network]
    lasted = [f"in {_duration(network['duration_ms'] / 1000)}"] if "duration_ms" in network else []
    return " ".join(["flow", preposition, peer(network), *volume, *lasted])


def _dns(event: Plain) -> str:
    dns = part(event, "dns")
    answer = ", ".join(dns.get("answers", ())) or dns.get("rcode") or "no answer seen"
    return f"asked for {dns.get('question')} {dns.get('type')}: {answer}"


def _file(verb: str) -> Callable[[Plain], str]:
    def told(event: Plain) -> str:
        file = part(event, "file")
        origin = f"{file['old_path']} to " if "old_path" in file else ""
        known_by = file.get("actor_evidence")
        evidence = " (alone there)" if known_by == "alone" else f" (by its {known_by})" if known_by else ""
        return f"{verb} {origin}{file.get('path', '?')}{evidence}"

    return told


def _detection(event: Plain) -> str:
    detection = part(event, "detection")
    return f"{detection.get('level')}: {detection.get('title')}"


def _posture(event: Plain) -> str:
    posture = part(event, "posture")
    remedy = f" ({posture['remedy']})" if "remedy" in posture else ""
    found = f": {', '.join(posture['found'])}" if posture.get("found") else ""
    return f"{posture.get('severity')}: {posture.get('title')}{found}{remedy}"


def _loss(event: Plain) -> str:
    loss = part(event, "loss")
    if loss.get("reason") == UNEXPLAINED:
        return f"{unexplained(loss.get('count', 0), None)}: processes, threads or failed forks that may be unseen"
    amount = {"exact": "{}", "at_most": "at most {}"}.get(loss.get("bound", ""), "an unknown number")
    source = f" in {loss['source']}" if "source" in loss else ""
    return f"lost {amount.format(loss.get('count', '?'))}: {loss.get('reason')}{source}"


def _container(verb: str) -> Callable[[Plain], str]:
    def told(event: Plain) -> str:
        image = part(event, "container").get("image")
        return f"container {verb}" + (f" from {image}" if image else "")

    return told


def _health(verb: str) -> Callable[[Plain], str]:
    def told(event: Plain) -> str:
        health = part(event, "health")
        facts = [f"up {_duration(health.get('uptime_s', 0))}"]
        if "unexplained" in health:
            facts.append(unexplained(health["unexplained"], health.get("catch_rate")))
        facts += [f"{n} {_standing(c)}" for n, c in health.get("collectors", {}).items() if c.get("status") != "ok"]
        facts += [f"parked: {reason}" for reason in health.get("parked", ())]
        return f"sensor {verb}: {', '.join(facts)}"

    return told


def _standing(collector: Plain) -> str:
    reason = collector.get("reason")
    return str(collector.get("status")) + (f" ({reason})" if reason else "")


def _end(address: str | None, port: int | None) -> str:
    host = f"[{address}]" if address and ":" in address else address or "?"
    return host if port is None else f"{host}:{port}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _signal(number: int) -> str:
    return Signals(number).name if number in set(Signals) else f"signal {number}"


_WORDS: dict[str, Callable[[Plain], str]] = {
    "process.exec": _exec,
    "process.exit": _exit,
    "process.identity": _identity,
    "file.create": _file("created"),
    "file.modify": _file("changed"),
    "file.delete": _file("deleted"),
    "file.rename": _file("renamed"),
    "file.attributes": _file("changed the attributes of"),
    "file.open": _file("opened"),
    "network.connect": _connect,
    "network.listen": _listen,
    "network.flow": _flow,
    "dns.query": _dns,
    "container.start": _container("started"),
    "container.stop": _container("stopped"),
    "detection": _detection,
    "posture": _posture,
    "sensor.start": _health("started"),
    "sensor.heartbeat": _health("alive"),
    "sensor.loss": _loss,
    "sensor.stop": _health("stopped"),
}
