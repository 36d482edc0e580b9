"""Running the webhook under uvicorn until a signal asks it to end."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from starlette.types import ASGIApp
from uvicorn import Config, Server

from deploy.pod.wishes import Wishes
from deploy.webhook.application import Webhook
from deploy.webhook.certificate import Certificate
from deploy.webhook.metrics import Metrics

log = logging.getLogger("webhook")

GRACE_S = 10
"""For requests under way when the end is asked for."""


class Times(NamedTuple):
    """In seconds. `drain`: after SIGTERM it goes on answering while the API server learns that this pod is leaving.
    SIGINT, or a second signal, ends it at once."""

    drain: float = 5.0
    look_at_certificate: float = 5.0


class _Server(Server):
    """uvicorn without its own signal handling: two servers share the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    wishes: Wishes, directory: Path, reviews: socket.socket, health: socket.socket, times: Times | None = None
) -> None:
    """Serve on listening sockets until SIGTERM or SIGINT. Raises `CertificateUnusable` when it cannot begin."""
    times = times or Times()
    metrics = Metrics()
    certificate = Certificate(directory, metrics)
    webhook = Webhook(wishes, metrics)
    servers = _server(webhook.reviews, certificate.context), _server(webhook.health)
    ending, at_once = _end_on_signals()
    watching = asyncio.create_task(_watch(certificate, times.look_at_certificate))
    serving: asyncio.Task[Any] = asyncio.create_task(_serve_both(servers, (reviews, health)))
    webhook.ready = True
    log.info("listening", extra={"fields": {"reviews": _shown(reviews), "health": _shown(health)}})
    try:
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        webhook.ready = False
        await asyncio.wait({serving, at_once}, timeout=times.drain, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (watching, ending, at_once):
            task.cancel()
        for server in servers:
            server.should_exit = True
        await serving
    log.info("ended")


async def _serve_both(servers: tuple[Server, Server], sockets: tuple[socket.socket, socket.socket]) -> None:
    """Until one of them ends."""
    running = [asyncio.create_task(server.serve([one])) for server, one in zip(servers, sockets, strict=True)]
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*running)
    for task in done:
        task.result()


def _server(app: ASGIApp, context: ssl.SSLContext | None = None) -> Server:
    config = Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()
    config.ssl = context  # of its own options it would make a context that never changes
    return _Server(config)


def _end_on_signals() -> tuple[asyncio.Task[Any], asyncio.Task[Any]]:
    """Done when the end is asked for, and when nobody wants to wait for the drain."""
    loop = asyncio.get_running_loop()
    ending, at_once = asyncio.Event(), asyncio.Event()

    def end(number: int) -> None:
        log.info("%s: ending", signal.Signals(number).name)
        if number == signal.SIGINT or ending.is_set():
            at_once.set()
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    return loop.create_task(ending.wait()), loop.create_task(at_once.wait())


async def _watch(certificate: Certificate, seconds: float) -> None:
    """Look at the files: inotify would have to follow the links that the kubelet exchanges."""
    while True:
        await asyncio.sleep(seconds)
        certificate.reload()


def _shown(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
