"""DNS through a real resolver, on loopback and in another container: every answer, and the names of connections."""

import dns_zone
import pytest
from network_ledger import UNFOLDED, Traffic, start_resolver
from network_peer import ANSWER

EACH = pytest.mark.parametrize(("ptrace", "user"), [(True, "0"), (False, "1000")], ids=["ecs", "eks"])
COUNT = 200


def resolver(lab, traffic, options, listen, peer):
    """dnsmasq, which knows the peer as well."""
    more = [f"--listen-address={listen}", dns_zone.host("peer", peer.address(lab.network))]
    return start_resolver(lab, traffic, options, dns_zone.command(COUNT, more))


def asked():
    """All queries, and at last the name of the peer."""
    return [*dns_zone.queries(COUNT), dns_zone.Query(f"peer.{dns_zone.ZONE}", "A", ())]


@pytest.fixture(params=["loopback", "elsewhere"])
def place(request):
    """Where the resolver is: in the task, or in a container of its own."""
    return request.param


@EACH
def test_every_query_is_told_with_its_answers_and_names_the_connection(lab, ingest, traffic, peer, place, ptrace, user):
    task = lab.task(UNFOLDED, ptrace=ptrace)
    task.wait_healthy()
    if place == "loopback":
        resolver(lab, traffic, task.shared, "127.0.0.1", peer)
        server = "127.0.0.1"
    else:
        server = resolver(lab, traffic, [f"--network={lab.network}"], "0.0.0.0", peer).address(lab.network)

    queries = asked()
    then = {"host": peer.address(lab.network), "port": ANSWER}
    app = Traffic(
        lab, task, traffic, "dns", user=user, server=server, queries=[query[:2] for query in queries], then=then
    )
    ledger = app.ledger()
    assert {(entry["rcode"], entry["answers"]) for entry in ledger[:-1]} == {(0, 1)}, "the resolver has answered"
    events = app.told("dns.query")

    assert dns_zone.unanswered(queries, events) == []
    assert {event["dns"]["server"] for event in events} == {server}
    assert {event["dns"]["rcode"] for event in events} == {"NOERROR"}
    flow = next(e for e in app.told("network.flow") if e["network"].get("dst_port") == ANSWER)
    assert flow["network"]["hostname"] == f"peer.{dns_zone.ZONE}"


def test_names_that_do_not_exist_and_answers_over_tcp_are_told(lab, ingest, traffic, peer):
    task = lab.task(UNFOLDED)
    task.wait_healthy()
    resolver(lab, traffic, task.shared, "127.0.0.1", peer)
    queries = [*dns_zone.queries(10), dns_zone.nowhere()]

    for tcp in (False, True):
        app = Traffic(lab, task, traffic, "dns", server="127.0.0.1", queries=[q[:2] for q in queries], tcp=tcp)
        app.ledger()
        events = app.told("dns.query")
        assert dns_zone.unanswered(queries, events) == [], f"tcp: {tcp}"
        (nowhere,) = [event for event in events if event["dns"]["question"] == dns_zone.nowhere().question]
        assert (nowhere["dns"]["rcode"], nowhere["dns"].get("answers", [])) == ("NXDOMAIN", [])
