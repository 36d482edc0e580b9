"""The web console: static files, read once at start, served under a strict content security policy.

The browser reads everything else from the ingest's API with the read token; these files hold no data, so they need
no token. Addresses mirror the folders: `/console/static/app.js` is `static/app.js`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).parent

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served, by suffix; nothing else is. Fixed here because the machine's own table of types may differ."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""The last two make browsers that know Trusted Types refuse innerHTML and its kin, whoever calls them."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

ASK_EACH_TIME = "no-cache"
KEEP_FOR_A_YEAR = "public, max-age=31536000, immutable"
"""For `vendor/`, whose paths carry the version."""


class Asset(NamedTuple):
    """One file as it is served."""

    body: bytes
    headers: Mapping[str, str]


def routes() -> list[BaseRoute]:
    """`/` (the page) and `/console/…` (its files), for GET and HEAD. Reads every file now, none later."""
    assets = dict(_assets())

    async def page(request: Request) -> Response:
        return _answer(request, assets["static/index.html"])

    async def file(request: Request) -> Response:
        asset = assets.get(request.path_params["path"])
        if asset is None:
            return PlainTextResponse("the console has no such file\n", 404, headers=HEADERS)
        return _answer(request, asset)

    return [Route("/", page), Route("/console/{path:path}", file)]


def _assets() -> Iterator[tuple[str, Asset]]:
    """Every servable file by its path below the folder. A request only ever looks up a name in this table, so no
    path, however written, reaches the disk."""
    for top, caching in (("static", ASK_EACH_TIME), ("vendor", KEEP_FOR_A_YEAR)):
        for file in sorted((FOLDER / top).rglob("*")):
            if file.suffix in CONTENT_TYPES:
                yield file.relative_to(FOLDER).as_posix(), _asset(file, caching)


def _asset(file: Path, caching: str) -> Asset:
    body = file.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(
        body,
        HEADERS | {"Content-Type": CONTENT_TYPES[file.suffix], "Cache-Control": caching, "ETag": etag},
    )


def _answer(request: Request, asset: Asset) -> Response:
    if _has_it_already(request.headers.get("if-none-match", ""), asset.headers["ETag"]):
        return Response(status_code=304, headers=asset.headers)
    return Response(asset.body, headers=asset.headers)


def _has_it_already(if_none_match: str, etag: str) -> bool:
    """RFC 9110, 13.1.2: a list of tags, compared weakly, or `*`."""
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in (etag, "*") for tag in tags)
