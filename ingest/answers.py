"""What clients get: JSON under strict headers, and every refusal as one clear sentence."""

import json
from collections.abc import Mapping

from starlette.responses import Response

JSON = "application/json"

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""For every answer that is no page of the console: it is never a document, never embedded, never kept."""

LONGEST_REASON = 1000


class Refused(Exception):
    """A request that gets `status` and `reason`, one sentence for whoever sent it.

    `claim` is the field of a batch that its sender may not say, where that is the reason: the same batch will never do.
    """

    def __init__(
        self, status: int, reason: str, headers: Mapping[str, str] | None = None, *, claim: str | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})
        self.claim = claim


def retry_later(status: int, reason: str, seconds: int) -> Refused:
    """A refusal that says when to come again."""
    return Refused(status, reason, {"Retry-After": str(seconds)})


def answer(body: object, status: int = 200) -> Response:
    """Any value as JSON."""
    return answer_text(json.dumps(body, ensure_ascii=False, separators=(",", ":")), status)


def answer_text(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that is text already."""
    return Response(text, status, {**HEADERS, **(headers or {})}, JSON)


def refusal(refused: Refused) -> Response:
    """The answer to a request that was refused; a very long reason (names come from the client) is cut."""
    reason = refused.reason
    if len(reason) > LONGEST_REASON:
        reason = reason[:LONGEST_REASON] + " …"
    plain = {"error": reason} if refused.claim is None else {"error": reason, "claim": refused.claim}
    return answer_text(json.dumps(plain), refused.status, refused.headers)
