"""Which kinds of event stand for a rule's log source."""

from collections.abc import Mapping

from sigma.rule import SigmaLogSource

from sensor.detect.fields import EXEC, FILE, MATCHED
from sensor.model.kinds import Kind
from sensor.sigma.expressions import NotHere

CATEGORIES: Mapping[str, frozenset[Kind]] = {
    "process_creation": EXEC,
    "process_termination": frozenset({Kind.PROCESS_EXIT}),
    "file_event": frozenset({Kind.FILE_CREATE, Kind.FILE_MODIFY, Kind.FILE_RENAME}),
    "file_change": frozenset({Kind.FILE_MODIFY, Kind.FILE_ATTRIBUTES}),
    "file_delete": frozenset({Kind.FILE_DELETE}),
    "file_rename": frozenset({Kind.FILE_RENAME}),
    "file_access": frozenset({Kind.FILE_OPEN}),
    "network_connection": frozenset({Kind.NETWORK_CONNECT, Kind.NETWORK_FLOW}),
    "dns_query": frozenset({Kind.DNS_QUERY}),
    "dns": frozenset({Kind.DNS_QUERY}),
    **{str(kind): frozenset({kind}) for kind in sorted(MATCHED)},
}
"""Sigma's categories, and the names of our own kinds."""

ANY_LINUX = EXEC | FILE | {Kind.NETWORK_CONNECT, Kind.DNS_QUERY}
"""What a rule for any log of Linux is matched with."""

PRODUCTS = (None, "linux", "aws", "kubernetes")
OWN = "fargate-sensor"
"""The service under which every kind of event is meant."""


def kinds_of(source: SigmaLogSource) -> frozenset[Kind]:
    """The kinds for a log source. Raises `NotHere` for one that no event stands for."""
    if source.product not in PRODUCTS:
        raise NotHere(f"it is for {source.product}")
    if source.category is not None:
        if source.category not in CATEGORIES:
            raise NotHere(f"nothing here is a log of the category {source.category}")
        return CATEGORIES[source.category]
    if source.service == "auditd":
        return EXEC | FILE
    if source.service == OWN:
        return MATCHED
    if source.service is None and source.product in (None, "linux"):
        return ANY_LINUX
    raise NotHere(f"it needs the log of {source.service or source.product}, and logs are not read here")
