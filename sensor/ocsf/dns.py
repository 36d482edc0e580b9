"""DNS Activity (4003): one exchange, question and answer."""

from collections.abc import Sequence

from sensor.ocsf.common import OTHER, add_place, common
from sensor.ocsf.fields import Field, Plain, found, move
from sensor.ocsf.network import UNKNOWN_ENDPOINT
from sensor.ocsf.process import actor
from sensor.ocsf.values import address, host_name, text

CLASS = 4003
CATEGORY = 4
QUERY, TRAFFIC = 1, 6
"""A question without an answer, and both together."""

_RCODE_NAMES = (
    *("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"),
    *("YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"),
)
RCODES = {name: number for number, name in enumerate(_RCODE_NAMES)}
"""RFC 6895, section 2.3."""


def _rcode_id(rcode: str) -> int:
    return RCODES.get(rcode.upper(), OTHER)


def _answers(answers: Sequence[str]) -> list[Plain] | None:
    """`A 192.0.2.1` as type and data."""
    if any(text(answer) is None for answer in answers):
        return None
    parted = [answer.partition(" ") for answer in answers]
    return [{"type": kind, "rdata": data} if data else {"rdata": kind} for kind, _, data in parted]


DNS = (
    Field("dns.question", "query.hostname", host_name),
    Field("dns.type", "query.type", text, within="query"),
    Field("dns.rcode", "rcode_id", _rcode_id),
    Field("dns.rcode", "rcode", text),
    Field("dns.answers", "answers", _answers),
    Field("dns.server", "dst_endpoint.ip", address),
)


def activity(native: Plain) -> Plain | None:
    """A DNS Activity; None where the event has no DNS part.

    Where the question is no host name as OCSF 1.3 has it, such as `_ldap._tcp.example`, there is no `query`, and the
    question and its type stay in `unmapped`.
    """
    if "dns" not in native:
        return None
    answered = found(native, "dns.rcode") is not None or found(native, "dns.answers") is not None
    ocsf = common(native, CLASS, CATEGORY, TRAFFIC if answered else QUERY)
    add_place(native, ocsf)
    move(DNS, native, ocsf)
    ocsf.setdefault("dst_endpoint", UNKNOWN_ENDPOINT)
    if "process" in native:
        ocsf["actor"] = actor(native, ocsf)
    return ocsf
