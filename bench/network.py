"""What the sensor tells of connections and DNS, beside what the apps say that they did, and what it costs.

Nothing is asserted. Run by `make bench`; the parts that cost time are in `network_cost`.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import dns_zone
from docker_cli import Container, wait_for
from fargate_task import FargateTask
from lab import Lab, build_traffic, temporary_lab
from machine import describe
from network_cost import rate, socket_table
from network_ledger import UNFOLDED, Score, Traffic, read, score, start_peer
from network_peer import ANSWER, CLOSED, SINK, SWALLOW
from network_storm import storm
from tables import table
from terms import TERMS, Terms

SERVER_PORT = 8080
QUERIES = 200


class Scene(NamedTuple):
    """A task whose sensor tells each connection by itself, and a peer outside of it."""

    lab: Lab
    image: str
    terms: Terms
    task: FargateTask
    peer: Container

    @property
    def hosts(self) -> list[str]:
        """The peer's addresses, IPv4 and IPv6."""
        return [self.peer.address(self.lab.network), self.peer.address6(self.lab.network)]

    def traffic(self, case: str, **wanted: Any) -> Traffic:
        """An app of the task."""
        return Traffic(self.lab, self.task, self.image, case, user=self.terms.user, **wanted)


def outbound(scene: Scene, case: str, **wanted: Any) -> Score:
    """What was told of an app's own connections."""
    app = scene.traffic(case, **wanted)
    ledger = app.ledger(120)
    return score(ledger, app.told("network.flow", "network.connect"))


def inbound(scene: Scene, count: int) -> Score:
    """What was told of connections to an app with 1,000 descriptors."""
    server = scene.traffic("serve", port=SERVER_PORT, count=count, descriptors=1000)
    wait_for("the server listens", lambda: "listening" in server.app.logs())
    host = scene.task.pause.address(scene.lab.network)
    client = Traffic(scene.lab, scene.lab.network, scene.image, "held", host=host, port=SERVER_PORT, count=count)
    client.app.wait_stopped(60)
    read(client.app)
    return score(server.ledger(), server.told("network.flow", "network.connect"))


def datagrams(scene: Scene, host: str, count: int) -> Score:
    """What was told of UDP sockets; those that were not connected have no peer, and are only counted."""
    app = scene.traffic("udp", host=host, port=SINK, count=count)
    ledger = app.ledger()
    events = app.told("network.flow", "network.connect")
    result = score([entry for entry in ledger if entry["dst"]], events)
    alone = [e for e in events if e["network"]["transport"] == "udp" and not e["network"].get("dst")]
    wanted = sum(not entry["dst"] for entry in ledger)
    result.total += wanted
    result.told += min(wanted, sum(e["count"] for e in alone if e["kind"] == "network.flow"))
    return result


def bars(scene: Scene) -> dict[str, Score]:
    """A score for each bar."""
    four, six = scene.hosts
    to_answer = {"host": four, "port": ANSWER}
    return {
        "500 connections of 1 ms": outbound(scene, "short", **to_answer, count=500),
        "500 of 1 ms, IPv6": outbound(scene, "short", host=six, port=ANSWER, count=500),
        "100 short nc": outbound(scene, "netcat", **to_answer, count=100),
        "50 ms, 1,000 descriptors": outbound(scene, "held", **to_answer, count=200, descriptors=1000),
        "50 ms, to a server with 1,000": inbound(scene, 200),
        "20 refused": outbound(scene, "refused", hosts=[four], ports=[*CLOSED[:20]]),
        "20 refused, IPv6": outbound(scene, "refused", hosts=[six], ports=[*CLOSED[:20]]),
        "5 timed out": outbound(scene, "timed_out", hosts=[four], ports=[*SWALLOW[:5]]),
        "5 timed out, IPv6": outbound(scene, "timed_out", hosts=[six], ports=[*SWALLOW[:5]]),
        "20 reset": outbound(scene, "reset", hosts=[four], port=ANSWER, count=20),
        "20 reset, IPv6": outbound(scene, "reset", hosts=[six], port=ANSWER, count=20),
        "200 UDP sockets": datagrams(scene, four, 200),
    }


def show(terms: Terms, scores: dict[str, Score]) -> None:
    """Two tables: what was told, and which outcomes as which."""
    process = ("right process", "wrong", "wrong by descriptor")
    head = ("what", "made", "flows", "bytes exact", "one less", *process, "right outcome", "evidence")
    rows = [
        (
            name,
            str(found.total),
            percent(found.told, found.total),
            percent(found.sized, found.with_bytes),
            str(found.one_off),
            percent(found.owned, found.total),
            str(found.wrong_by.total()),
            str(found.wrong_by["descriptor"]),
            percent(found.outcomes_told, found.outcomes.total()),
            listed(found.evidence),
        )
        for name, found in scores.items()
    ]
    print(f"\n{terms.name}\n\n{table(head, rows)}")
    outcomes: Counter[tuple[str, str]] = Counter()
    for found in scores.values():
        outcomes += found.outcomes
    kinds = [kind for kind in ("established", "refused", "timed_out", "reset") if any(kind in o for o in outcomes)]
    told = [*kinds, "not told"]
    matrix = [(kind, *(str(outcomes[kind, other]) for other in told)) for kind in kinds]
    print(f"\n{table(('happened, told as', *told), matrix)}")


def percent(count: int, of: int) -> str:
    """A share; nothing where there was nothing."""
    return f"{100 * count / of:.1f} %" if of else "-"


def listed(counts: Counter[str]) -> str:
    """Names with their numbers."""
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))


def names(scene: Scene) -> list[Sequence[str]]:
    """Queries of five types through dnsmasq, in the task and elsewhere."""
    rows = []
    for place, options, listen in (
        ("on loopback", scene.task.shared, "127.0.0.1"),
        ("elsewhere", [f"--network={scene.lab.network}"], "0.0.0.0"),
    ):
        records = [f"--listen-address={listen}", dns_zone.host("peer", scene.hosts[0])]
        resolver = scene.lab.new("dns", scene.image, options, dns_zone.command(QUERIES, records)).start()
        wait_for("dnsmasq answers", lambda made=resolver: "started" in made.logs())
        server = "127.0.0.1" if listen == "127.0.0.1" else resolver.address(scene.lab.network)
        rows.append((scene.terms.name, place, *asked(scene, server)))
        resolver.remove()
    return rows


def asked(scene: Scene, server: str) -> Sequence[str]:
    """How many queries there were, how many were told with all answers, and the name of the connection after them."""
    queries = [*dns_zone.queries(QUERIES), dns_zone.Query(f"peer.{dns_zone.ZONE}", "A", ())]
    then = {"host": scene.hosts[0], "port": ANSWER}
    app = scene.traffic("dns", server=server, queries=[query[:2] for query in queries], then=then)
    app.ledger()
    events = app.told("dns.query")
    missing = len(dns_zone.unanswered(queries, events))
    owned = sum("process" in event for event in events)
    flows = [e["network"] for e in app.told("network.flow") if e["network"].get("dst_port") == ANSWER]
    hostname = next((flow["hostname"] for flow in flows if flow.get("hostname")), "none")
    return (str(len(queries)), str(len(queries) - missing), str(len(events)), str(owned), hostname)


def told(lab: Lab, image: str) -> None:
    """What is told, on both terms."""
    rows: list[Sequence[str]] = []
    for terms in TERMS:
        peer = start_peer(lab, image)
        task = lab.task(UNFOLDED, ptrace=terms.ptrace)
        task.wait_healthy()
        scene = Scene(lab, image, terms, task, peer)
        show(terms, bars(scene))
        rows += names(scene)
        for container in (task.sensor, task.pause, peer):
            container.remove()
    head = ("DNS", "resolver", "asked", "told with all answers", "events", "with a process", "name of the connection")
    print(f"\n{table(head, rows)}")


def main() -> int:
    """Measure what was asked for, all by default, and print tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9, help="pairs of runs with and without the sensor (9)")
    arguments.add_argument("--seconds", type=float, default=10, help="how long each of them makes connections (10)")
    arguments.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure (all)")
    given = arguments.parse_args()
    with temporary_lab(ipv6=True) as lab:
        print(describe(lab.images.sensor))
        image = build_traffic()
        parts = {
            "told": lambda: told(lab, image),
            "rate": lambda: rate(lab, image, given.rounds, given.seconds),
            "table": lambda: socket_table(lab, image),
            "storm": lambda: storm(lab, image),
        }
        for name in given.parts or PARTS:
            parts[name]()
    return 0


PARTS = ("told", "rate", "table", "storm")

if __name__ == "__main__":
    sys.exit(main())
