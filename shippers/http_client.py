"""httpx as a sidecar can afford it: TLS verified, proxies from the environment, few connections, no redirects."""

import logging
import os
import ssl
import sys
from collections.abc import Sequence
from functools import partial
from urllib.request import getproxies

from sensor import __version__
from sensor.model.errors import PermanentError

# Where rich is installed, as on a developer's machine, httpx loads its own command line too: click, rich and
# pygments, 5.8 MB. None in sys.modules makes that import fail (docs.python.org, "The module cache"); httpx allows it.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # typeshed knows modules only

import httpx  # noqa: E402  # after the line above

from shippers.http_transport import StreamTransport  # noqa: E402  # it imports httpx

__all__ = ["http_client", "httpx", "tls_context"]

# Both write a line for each request, httpcore also what it sends: the delivery tells what matters.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

USER_AGENT = f"fargate-sensor/{__version__}"
PROXIED = ("http", "https", "all")
"""The schemes for which httpx looks for a proxy in the environment."""


FileState = tuple[int, int, int]

_contexts: dict[str | None, tuple[FileState | None, ssl.SSLContext]] = {}
"""What was made of each file, and the state that the file was in."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Trusts the system's authorities and those in the PEM file. Raises `PermanentError` naming a bad file.

    It is the same one for all connections: to read the authorities takes a moment, and 1 MB. A file that was replaced,
    as an authority is before its end, is read again; one that cannot be read any more is still trusted as it was.
    """
    state, known = _state(ca_file), _contexts.get(ca_file)
    if known is None or state not in (None, known[0]):
        try:
            known = (state, _made(ca_file))
        except PermanentError:
            if known is None:
                raise
        _contexts[ca_file] = known
    return known[1]


def _state(file: str | None) -> FileState | None:
    try:
        found = None if file is None else os.stat(file)
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_ino, found.st_size)


def _made(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise PermanentError(f"no certificates can be read from {ca_file}: {error}") from error
    return context


def http_client(*, ca_file: str | None, timeout: httpx.Timeout, direct: Sequence[str] = ()) -> httpx.AsyncClient:
    """A client over HTTP/1.1. Raises `PermanentError` for a certificate file or a proxy that cannot be used.

    `direct` are hosts that no proxy can reach, such as the link-local address of the platform.
    """
    if ca_file is not None:
        tls_context(ca_file)  # what is wrong with it is to be told now
    own = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if not any(map(getproxies().get, PROXIED)):
        transport = StreamTransport(partial(tls_context, ca_file))
        return httpx.AsyncClient(transport=transport, timeout=timeout, headers=own, follow_redirects=False)
    try:
        return httpx.AsyncClient(
            verify=tls_context(ca_file),
            timeout=timeout,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=60.0),
            headers=own,
            follow_redirects=False,
            trust_env=True,
            mounts={f"all://{host}": None for host in direct},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        # Neither the text nor the cause is passed on: a proxy's address may hold a password.
        what = f"HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used ({type(error).__name__})"
        raise PermanentError(what) from None
