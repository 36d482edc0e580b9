"""What the derived fields of an event are, one by one."""

import pytest

from sensor.model.events import Dns, Event, Evidence, File, Network
from sensor.model.kinds import Kind
from tests.fakes import START
from tests.rules_from import exec_event, fires, one_rule

SHA = "ab" * 32
LISTENER = Network(direction="listen", src="0.0.0.0", src_port=4444)
ANSWERED = Dns("example.org", "A", rcode="NOERROR", answers=("CNAME a.example.org", "A 192.0.2.1"))


def event(kind: Kind, **parts: object) -> Event:
    return Event(kind, START, Evidence("test"), **parts)  # type: ignore[arg-type]  # the parts of an event


@pytest.mark.parametrize(
    ("detection", "category", "found", "expected"),
    [
        (f"Hashes|contains: 'SHA256={SHA}'", "process_creation", exec_event("a", sha256=SHA), True),
        ("Hashes|exists: true", "process_creation", exec_event("a"), False),
        ("comm: a-name-longer-t", "process_creation", exec_event("a-name-longer-than-15"), True),
        ("comm: kworker", "process_creation", exec_event("a", exe=None, comm="kworker"), True),
        ("process.name: kworker", "process_creation", exec_event("a", exe=None, comm="kworker"), True),
        ("process.name: bash", "process_creation", exec_event("-bash", exe="/usr/bin/dash"), True),
        ("process.name: python3", "process_creation", exec_event("ld.so --preload=b python3", exe="/lib/ld.so"), True),
        ("a1: x", "process_creation", exec_event("a x"), True),
        ("a2|exists: true", "process_creation", exec_event("a x"), False),
        ("type: PATH\n  a0: a", "process_creation", exec_event("a"), True),
        ("type: EXECVE\n  name: /x", "file_event", event(Kind.FILE_CREATE, file=File("/x")), False),
        ("nametype: CREATE\n  name: /x", "file_event", event(Kind.FILE_RENAME, file=File("/x", "/y")), True),
        ("nametype: CREATE\n  name: /x", "file_event", event(Kind.FILE_MODIFY, file=File("/x")), False),
        ("nametype: DELETE\n  name: /x", "file_delete", event(Kind.FILE_DELETE, file=File("/x")), True),
        ("SourcePort: 4444", "network.listen", event(Kind.NETWORK_LISTEN, network=LISTENER), True),
        ("DestinationPort: 4444", "network.listen", event(Kind.NETWORK_LISTEN, network=LISTENER), False),
        ("Initiated: false", "network_connection", event(Kind.NETWORK_CONNECT, network=Network(dst="::1")), False),
        ("Initiated: false", "network.listen", event(Kind.NETWORK_LISTEN, network=LISTENER), True),
        ("QueryResults: 'CNAME a.example.org;A 192.0.2.1'", "dns_query", event(Kind.DNS_QUERY, dns=ANSWERED), True),
    ],
)
def test_a_field(detection: str, category: str, found: Event, expected: bool) -> None:
    rule = one_rule(f"sel:\n  {detection}\ncondition: sel", category=category)
    assert fires(rule, found) is expected
