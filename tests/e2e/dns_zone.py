"""A small zone that dnsmasq serves in tests: names of five types, and what a resolver answers to each."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

ZONE = "sensor.test"
TYPES = ("A", "AAAA", "TXT", "MX", "PTR")


class Query(NamedTuple):
    """What is asked, and texts that must stand in what is told of the answers."""

    question: str
    type: str
    answers: tuple[str, ...]


def queries(count: int) -> list[Query]:
    """So many, the five types in turn, each of another name."""
    return [_query(n, TYPES[n % len(TYPES)]) for n in range(count)]


def nowhere() -> Query:
    """A name that does not exist."""
    return Query(f"nowhere.{ZONE}", "A", ())


def command(names: int, more: Sequence[str] = ()) -> list[str]:
    """dnsmasq in the foreground, serving the queries of so many names, and further options such as host records."""
    records = [option for n in range(names) for option in _records(n)]
    options = ["--keep-in-foreground", "--user=root", "--no-resolv", "--no-hosts", "--bind-interfaces"]
    return ["dnsmasq", *options, f"--local=/{ZONE}/", "--log-facility=-", *records, *more]


def host(name: str, address: str) -> str:
    """The option for one more name with an address."""
    return f"--host-record={name}.{ZONE},{address}"


def _records(n: int) -> Iterator[str]:
    name = f"n{n}.{ZONE}"
    yield f"--host-record={name},192.0.2.{n},2001:db8::{n:x}"
    yield f"--txt-record={name},text of {n}"
    yield f"--mx-host={name},mail{n}.{ZONE},10"


def _query(n: int, kind: str) -> Query:
    name = f"n{n}.{ZONE}"
    if kind == "PTR":
        return Query(f"{n}.2.0.192.in-addr.arpa", kind, (name,))
    found = {"A": f"192.0.2.{n}", "AAAA": f"2001:db8::{n:x}", "TXT": f"text of {n}", "MX": f"mail{n}.{ZONE}"}
    return Query(name, kind, (found[kind],))


def unanswered(wanted: Sequence[Query], events: Sequence[Any]) -> list[Query]:
    """The queries of which no event tells, with all that was answered."""
    told: dict[tuple[str, str], list[str]] = {}
    for event in events:
        dns = event["dns"]
        told.setdefault((dns["question"].rstrip(".").lower(), dns["type"]), []).append(" ".join(dns.get("answers", ())))
    return [
        query
        for query in wanted
        if not any(all(text in answers for text in query.answers) for answers in told.get(query[:2], ()))
    ]
