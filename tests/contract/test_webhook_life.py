"""The webhook's start, its certificate, its faults and its end."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from certificates import write_certificate
from pods import INJECTED, pod
from running import until
from webhook_process import COMMAND, WISHES, patch_of, review, running

from deploy.pod.wishes import Wishes
from deploy.sidecar import destinations
from deploy.webhook import review as reviews
from deploy.webhook.command import listen
from deploy.webhook.service import Times, serve

SOON = Times(drain=0.2, look_at_certificate=0.02)
WISHED = Wishes("registry.example.org/s:1", (destinations.ingest("https://ingest.example.org"),))


class Here:
    """A webhook in this process."""

    def __init__(self, directory: Path, times: Times) -> None:
        self.directory = directory
        sockets = [listen("", "127.0.0.1:0") for _ in range(2)]
        self.address, health = (one.getsockname() for one in sockets)
        self.health = f"http://127.0.0.1:{health[1]}"
        self.task = asyncio.create_task(serve(WISHED, directory, sockets[0], sockets[1], times))

    def client(self) -> httpx.AsyncClient:
        trust = ssl.create_default_context(cafile=str(self.directory / "tls.crt"))
        return httpx.AsyncClient(base_url=f"https://127.0.0.1:{self.address[1]}", verify=trust, trust_env=False)

    async def served(self, name: str | None) -> str:
        """The subject of the certificate that a handshake gets now."""
        trust = ssl.create_default_context(cafile=str(self.directory / "tls.crt"))
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(*self.address, ssl=trust, server_hostname=name or "")
        certificate = ssl.DER_cert_to_PEM_cert(writer.get_extra_info("ssl_object").getpeercert(True))
        writer.close()
        await writer.wait_closed()
        del reader
        return certificate


async def status(client: httpx.AsyncClient, webhook: Here) -> int:
    return (await client.get(f"{webhook.health}/readyz")).status_code


async def eventually(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until the answer is the wanted one, for 20 seconds at most."""
    async with asyncio.timeout(20):
        while await ask() != wanted:  # noqa: ASYNC110 - what it asks has no event to wait for
            await asyncio.sleep(0.01)


@asynccontextmanager
async def here(directory: Path, times: Times = SOON) -> AsyncIterator[Here]:
    write_certificate(directory)
    webhook = Here(directory, times)
    async with httpx.AsyncClient(trust_env=False) as client:
        await eventually(lambda: status(client, webhook), 200)
    try:
        yield webhook
    finally:
        if not webhook.task.done():
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(webhook.task, 10)


@pytest.mark.parametrize("name", ["localhost", None], ids=["by name", "without a name"])
async def test_a_new_certificate_is_served_without_a_restart(tmp_path: Path, name: str | None) -> None:
    async with here(tmp_path) as webhook:
        first = await webhook.served(name)
        assert first == (tmp_path / "tls.crt").read_text()
        write_certificate(tmp_path)
        wanted = (tmp_path / "tls.crt").read_text()
        assert first != wanted
        await eventually(lambda: webhook.served(name), wanted)


async def test_a_connection_that_is_open_outlives_the_change(tmp_path: Path) -> None:
    async with here(tmp_path) as webhook, webhook.client() as client:
        assert (await client.post("/mutate", json=review(pod()))).status_code == 200
        write_certificate(tmp_path)
        await eventually(lambda: webhook.served(None), (tmp_path / "tls.crt").read_text())
        assert (await client.post("/mutate", json=review(pod()))).status_code == 200


async def test_half_a_pair_is_told_once_and_the_one_before_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with here(tmp_path) as webhook:
        before = await webhook.served(None)
        (tmp_path / "tls.key").write_bytes(b"broken")

        def told() -> list[str]:
            return [r.getMessage() for r in caplog.records if "was not read again" in r.getMessage()]

        await until(told, "the key is told to be no key")
        assert await webhook.served(None) == before
        (tmp_path / "tls.key").unlink()
        await until(lambda: len(told()) == 2, "the key is told to be missing")
        assert "no pair" in told()[0]
        assert "tls.key: No such file or directory" in told()[1]


async def test_a_fault_of_ours_lets_the_pod_start_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(reviews, "inject", broken)
    async with here(tmp_path) as webhook, webhook.client() as client:
        response = (await client.post("/mutate", json=review(pod()))).json()["response"]
        figures = (await client.get(f"{webhook.health}/metrics")).text
    assert response["allowed"] is True
    assert "patch" not in response
    assert response["warnings"] == ["no sensor was put into this pod: the webhook failed on it, and its log says why"]
    assert "webhook_faults_total 1.0" in figures
    assert any(record.exc_info for record in caplog.records)


async def test_sigterm_answers_on_until_it_is_drained(tmp_path: Path) -> None:
    async with here(tmp_path, Times(drain=60)) as webhook:
        async with webhook.client() as client:
            os.kill(os.getpid(), signal.SIGTERM)
            await eventually(lambda: status(client, webhook), 503)
            assert patch_of((await client.post("/mutate", json=review(pod()))).json()["response"])
        assert not webhook.task.done()
        os.kill(os.getpid(), signal.SIGTERM)  # whoever asks twice will not wait
        await asyncio.wait_for(webhook.task, 10)


async def test_what_is_under_way_at_the_end_is_answered(tmp_path: Path) -> None:
    body = json.dumps(review(pod())).encode()

    async with here(tmp_path) as webhook, webhook.client() as client:
        sent = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield body[:10]
            sent.set()
            await until(lambda: ended, "the end was asked for and the drain is over")
            yield body[10:]

        ended = False
        asking = asyncio.create_task(
            client.post("/mutate", content=slowly(), headers={"Content-Type": "application/json"})
        )
        await sent.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(SOON.drain * 2)
        ended = True
        assert patch_of((await asking).json()["response"])


def test_the_process_logs_a_line_for_each_request_and_ends_with_code_0(tmp_path: Path) -> None:
    with running(tmp_path) as webhook:
        with httpx.Client(base_url=webhook.url, verify=webhook.trust, trust_env=False) as client:
            client.post("/mutate", json=review(INJECTED["without_name"], "u-7", dryRun=True))
            client.post("/mutate", content=b"\n", headers={"Content-Type": "application/json"})
        assert webhook.stop() == 0
    patched, refused, *_ = webhook.lines
    assert patched.pop("ms") < 5000
    assert patched.pop("time").endswith("Z")
    assert patched == {
        "level": "info",
        "logger": "webhook",
        "message": "patched",
        "uid": "u-7",
        "namespace": "shop",
        "name": "shop-*",
        "operation": "CREATE",
        "dry_run": True,
        "reason": None,
        "warnings": [],
    }
    assert (refused["level"], refused["message"], refused["status"]) == ("warning", "refused", 400)
    assert webhook.lines[-1]["message"] == "ended"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "the following arguments are required: --cert-dir"),
        (["--cert-dir", "/nowhere"], 1, "--cert-dir: /nowhere/tls.crt: No such file or directory"),
        (["--cert-dir", "/", "--listen", "here"], 2, "--listen: expected HOST:PORT, found 'here'"),
        (["--cert-dir", "/", "--listen", "192.0.2.1:1"], 1, "--listen: cannot listen on 192.0.2.1:1: Cannot assign"),
        (["--cert-dir", "/", "--mode", "odd"], 2, "--mode: 'odd' is none of auto, native, ordinary"),
        (
            ["--cert-dir", "/nowhere", "--env", "SENSOR_DAILY_MB=${BUDGET}"],
            2,
            "SENSOR_DAILY_MB: should be a valid number",
        ),
        (["--cert-dir", "/nowhere", "--destination", "kinesis:${STREAM}"], 2, "SENSOR_KINESIS_STREAM: should be a"),
    ],
)
def test_what_is_wrong_is_one_line(options: list[str], code: int, said: str) -> None:
    listen = ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]
    done = subprocess.run(
        [*COMMAND, *listen, *options], env=os.environ | WISHES, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert f"fargate-sensor webhook: {said}" in done.stderr


def test_an_encrypted_key_is_not_asked_about(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    (tmp_path / "tls.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    done = subprocess.run(
        [*COMMAND, "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--cert-dir", str(tmp_path)],
        env=os.environ | WISHES,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "are no pair" in done.stderr
