"""AdmissionReview (admission.k8s.io/v1): the request in a body, and the answer to it. No I/O."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from deploy.pod.inject import Injection, inject
from deploy.pod.wishes import Wishes
from deploy.sidecar.variables import mistake_in_created_pod
from deploy.webhook.refused import Refused

VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"
LONGEST_WARNING = 256
ALL_WARNINGS = 4096
"""Characters that the API server hands on to who has asked, of one and of all."""


class Request(NamedTuple):
    """What of a review matters here. `pod` is whatever the review holds as its object."""

    uid: str
    operation: str
    resource: str
    """`pods`, `pods/ephemeralcontainers`; empty where the review does not say."""
    namespace: str
    name: str
    dry_run: bool
    pod: Any


class Answer(NamedTuple):
    """The answer's body. `reason` says why a pod is left alone (`deploy.pod.left_alone`), None where it is patched;
    `warnings` are those in the body."""

    body: dict[str, Any]
    reason: str | None
    warnings: tuple[str, ...]


def parse(body: bytes) -> Request:
    """The request in a body. Raises `Refused` (400): no JSON, no review, one of another version, or one without uid."""
    try:
        review = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise Refused(400, f"the body is no JSON: {reason}") from error
    if not isinstance(review, dict) or review.get("kind") != KIND:
        raise Refused(400, f"the body is no {KIND}")
    if review.get("apiVersion") != VERSION:
        raise Refused(400, f"apiVersion is {ascii(review.get('apiVersion'))[:80]}: only {VERSION} is understood")
    request = review.get("request")
    if not isinstance(request, dict) or not _text(request.get("uid")):
        raise Refused(400, "request has no uid")
    return _request(request)


def answer(request: Request, wishes: Wishes) -> Answer:
    """The pod as it is asked about, with the sensor where it gets one. It is allowed whatever is in it."""
    if request.resource not in ("", "pods"):
        return _left_alone(request, "no_pod", f"this is no pod but {request.resource}")
    if request.operation != "CREATE":
        return _left_alone(request, "not_created", f"it is not being created ({request.operation or 'no operation'})")
    if not isinstance(request.pod, Mapping):
        return _left_alone(request, "malformed", "the review has no object")
    injection = inject(request.pod, wishes, mistake_in_created_pod)
    told = tuple(_cut((*injection.warnings, *injection.notes)))  # a review has no other way to tell
    injection = injection._replace(warnings=told)
    return Answer(_body(request, injection), injection.left_alone, told)


def failed(request: Request) -> Answer:
    """The answer where injection has failed: nothing of ours keeps a pod from starting."""
    return _left_alone(request, "fault", "the webhook failed on it, and its log says why")


def _left_alone(request: Request, name: str, text: str) -> Answer:
    injection = Injection((), tuple(_cut((f"no sensor was put into this pod: {text}",))), name)
    return Answer(_body(request, injection), name, injection.warnings)


def _body(request: Request, injection: Injection) -> dict[str, Any]:
    response: dict[str, Any] = {"uid": request.uid, "allowed": True}
    if injection.patch:
        patch = json.dumps(injection.documents(), separators=(",", ":")).encode()
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(patch).decode()}
    if injection.warnings:
        response["warnings"] = list(injection.warnings)
    return {"apiVersion": VERSION, "kind": KIND, "response": response}


def _cut(warnings: Iterable[str]) -> Iterable[str]:
    """Lines that an HTTP header can carry, as many as the API server hands on."""
    left = ALL_WARNINGS
    for line in warnings:
        shown = "".join(char if char.isprintable() else "?" for char in line)[:LONGEST_WARNING]
        left -= len(shown)
        if left < 0:
            return
        yield shown


def _request(request: Mapping[str, Any]) -> Request:
    pod, resource = request.get("object"), request.get("resource")
    named = resource if isinstance(resource, Mapping) else {}
    kind, part = _text(named.get("resource")), _text(request.get("subResource"))
    return Request(
        uid=_text(request.get("uid")),
        operation=_text(request.get("operation")),
        resource=f"{kind}/{part}" if part else kind,
        namespace=_text(request.get("namespace")),
        name=_text(request.get("name")) or _name(pod),
        dry_run=request.get("dryRun") is True,
        pod=pod,
    )


def _name(pod: object) -> str:
    """The pod's name; with a star behind it where the API server has not made it up yet."""
    metadata = pod.get("metadata") if isinstance(pod, Mapping) else None
    if not isinstance(metadata, Mapping):
        return ""
    generated = _text(metadata.get("generateName"))
    return _text(metadata.get("name")) or (f"{generated}*" if generated else "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
