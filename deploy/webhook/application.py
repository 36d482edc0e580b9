"""The two applications: reviews, which are asked over TLS, and the webhook's own health and figures, in plain."""

import logging
import time
from dataclasses import replace
from typing import Any, get_args

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.pod.wishes import Security, Wishes
from deploy.webhook import body, review
from deploy.webhook.metrics import Metrics
from deploy.webhook.refused import Refused

log = logging.getLogger("webhook")


class Webhook:
    """Answers reviews. `ready` is what /readyz says; the server sets it."""

    def __init__(self, wishes: Wishes, metrics: Metrics) -> None:
        self.ready = False
        self._wishes = wishes
        self._metrics = metrics
        paths = ("/mutate", "/mutate/{security}")
        handlers: Any = {HTTPException: self._no_such_thing}
        self.reviews = Starlette(
            routes=[Route(path, self._mutate, methods=["POST"]) for path in paths], exception_handlers=handlers
        )
        self.health = Starlette(
            routes=[
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._measured),
            ]
        )

    async def _mutate(self, request: Request) -> Response:
        begin = time.perf_counter()
        try:
            wishes = self._wishes_for(request)
            asked = review.parse(await body.read(request))
        except Refused as refused:
            return self._refuse(request, refused)
        answer = self._answered(asked, wishes)
        response = JSONResponse(answer.body)
        seconds = time.perf_counter() - begin
        self._count(answer, seconds)
        self._log(asked, answer, seconds)
        return response

    def _wishes_for(self, request: Request) -> Wishes:
        """`/mutate/same-uid` is for namespaces whose Pod Security forbids root, `/mutate/root` for the others."""
        security = request.path_params.get("security")
        if security is None:
            return self._wishes
        if security not in get_args(Security):
            raise Refused(404, f"there is no {request.url.path}: only /mutate, and below it {_choices()}")
        return replace(self._wishes, security=security)

    def _answered(self, asked: review.Request, wishes: Wishes) -> review.Answer:
        try:
            return review.answer(asked, wishes)
        except Exception:  # whatever is wrong with our code, a pod must start
            self._metrics.faults.inc()
            log.exception("injection failed", extra={"fields": {"uid": asked.uid}})
            return review.failed(asked)

    def _count(self, answer: review.Answer, seconds: float) -> None:
        self._metrics.requests.labels("200").inc()
        self._metrics.seconds.observe(seconds)
        if answer.reason is None:
            self._metrics.patched.inc()
        else:
            self._metrics.left_alone.labels(answer.reason).inc()

    def _log(self, asked: review.Request, answer: review.Answer, seconds: float) -> None:
        fields = {
            "uid": asked.uid,
            "namespace": asked.namespace,
            "name": asked.name,
            "operation": asked.operation,
            "dry_run": asked.dry_run,
            "reason": answer.reason,
            "warnings": list(answer.warnings),
            "ms": round(seconds * 1000, 2),
        }
        log.info("patched" if answer.reason is None else "left alone", extra={"fields": fields})

    def _refuse(self, request: Request, refused: Refused) -> Response:
        self._metrics.requests.labels(str(refused.status)).inc()
        fields = {"status": refused.status, "reason": refused.reason, "path": request.url.path[:200]}
        log.warning("refused", extra={"fields": fields})
        return JSONResponse({"error": refused.reason}, refused.status)

    async def _no_such_thing(self, request: Request, error: HTTPException) -> Response:
        reason = {404: "there is no such path: reviews are posted to /mutate", 405: "reviews are posted"}
        return self._refuse(request, Refused(error.status_code, reason.get(error.status_code, error.detail)))

    async def _alive(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        return PlainTextResponse("ok\n") if self.ready else PlainTextResponse("starting or ending\n", 503)

    async def _measured(self, _: Request) -> Response:
        return Response(self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _choices() -> str:
    return " and ".join(get_args(Security))
