"""What a batch may claim: the header says which task or pod it comes from, the login proved which one that is.

Whatever a task can be listed under is bound: the account and the id of its ARN, the pod, and the sensor's own id, which
stands in where neither is given. Cluster, family, labels and the like are taken as the sensor says them.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.answers import Refused
from ingest.identity.principal import AwsPrincipal, PodPrincipal, Principal
from sensor.model.events import Header

_UNPLACED = re.compile(r"(docker|host)-[0-9a-f]{12}", re.ASCII)
"""The ids of sensors that know neither task nor pod (yet): they name nobody else."""

_TASK_ARN = re.compile(r"arn:([^:]*):ecs:[^:]*:([^:]*):task/(?:[^/]+/)?([^/]+)")


class Claim(NamedTuple):
    """A field of the header, what it says, and what the login proved; None where nothing may be said."""

    field: str
    said: str
    proven: str | None


def demand(header: Header, principal: Principal) -> None:
    """Raises `Refused` (403), naming the first claim that is not the principal's own."""
    for claim in _claims(header, principal):
        if claim.said != claim.proven:
            proof = "proves none" if claim.proven is None else f"is of {claim.proven!r}"
            reason = f"batch.{claim.field} claims {claim.said[:100]!r}, the login {proof}; nothing was stored"
            raise Refused(403, reason, claim=claim.field)


def _claims(header: Header, principal: Principal) -> Iterator[Claim]:
    if isinstance(principal, AwsPrincipal):
        yield from _of_a_task(header, principal)
        own = principal.session
    else:
        yield from _of_a_pod(header, principal)
        own = principal.uid
    if not _UNPLACED.fullmatch(header.sensor.id):
        yield Claim("sensor.id", header.sensor.id, own.lower())


def _of_a_task(header: Header, principal: AwsPrincipal) -> Iterator[Claim]:
    if header.pod is not None:
        yield Claim("pod.uid", header.pod.uid, None)
    if header.task is None:
        return
    if header.task.account is not None:
        yield Claim("task.account", header.task.account, principal.account)
    if header.task.arn is not None:
        found = _TASK_ARN.fullmatch(header.task.arn)
        yield Claim("task.arn", header.task.arn, header.task.arn if found else None)
        if found:
            yield Claim("task.arn (partition)", found[1], principal.partition)
            yield Claim("task.arn (account)", found[2], principal.account)
            yield Claim("task.arn (task id)", found[3], principal.session)


def _of_a_pod(header: Header, principal: PodPrincipal) -> Iterator[Claim]:
    if header.task is not None:
        for field, said in (("task.arn", header.task.arn), ("task.account", header.task.account)):
            if said is not None:
                yield Claim(field, said, None)
    if header.pod is not None:
        yield Claim("pod.uid", header.pod.uid, principal.uid)
        yield Claim("pod.namespace", header.pod.namespace, principal.namespace)
        yield Claim("pod.name", header.pod.name, principal.pod)
        if header.pod.service_account is not None:
            yield Claim("pod.service_account", header.pod.service_account, principal.service_account)
