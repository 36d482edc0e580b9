"""The HTTP shipper against a real server that answers well, badly, late or not at all."""

import asyncio
import logging
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from certificates import write_certificate
from fakes import START, FakeClock
from loopback_http import DRIP, HANG, RESET, TAKEN, Loopback, answer, loopback

from sensor import __version__
from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from shippers.http_client import tls_context
from shippers.ingest_http import IngestHttp

TOKEN = "s3cret-token-that-nobody-may-read"
Need = Callable[[bool, str], None]


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@asynccontextmanager
async def shipping(server: Loopback, **settings: object) -> AsyncIterator[IngestHttp]:
    values: dict[str, object] = {"url": server.address, "token": TOKEN, "clock": FakeClock(), "patience": 10.0}
    shipper = IngestHttp(**(values | settings))  # type: ignore[arg-type]
    await shipper.open()
    try:
        yield shipper
    finally:
        await shipper.aclose()


async def failure(*answers: bytes | str, **settings: object) -> DeliveryError:
    """What one send raises when the server answers like that."""
    async with loopback(*answers) as server, shipping(server, **settings) as shipper:
        with pytest.raises(DeliveryError) as failed:
            await shipper.send([b"batch"])
    assert TOKEN not in str(failed.value)
    return failed.value


async def test_the_request_is_as_agreed_with_the_ingest() -> None:
    async with loopback() as server, shipping(server, url=server.address + "/") as shipper:
        assert not await shipper.send([b"batch"])
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/v1/batches", b"batch")
    wanted = {
        "content-type": "application/msgpack",
        "content-encoding": "zstd",
        "authorization": f"Bearer {TOKEN}",
        "user-agent": f"fargate-sensor/{__version__}",
        "content-length": "5",
    }
    assert wanted.items() <= request.headers.items()


async def test_one_connection_serves_many_batches() -> None:
    async with loopback() as server, shipping(server) as shipper:
        for _ in range(5):
            await shipper.send([b"batch"])
    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    error = await failure(answer(status, {"error": "come back later"}))
    assert isinstance(error, RetryableError)
    assert str(error).endswith(f": answered {status}: come back later")
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2022 22:13:50 GMT", 0.0),
        ("soon", None),
    ],
)
async def test_the_wait_that_the_ingest_asks_for_is_passed_on(value: str, seconds: float | None) -> None:
    assert START == 1_700_000_000 * 10**9  # 2023-11-14T22:13:20Z
    error = await failure(answer(429, {"error": "too many"}, Retry_After=value))
    assert isinstance(error, RetryableError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_what_will_never_be_taken_is_refused_with_the_ingests_own_words(status: int) -> None:
    error = await failure(answer(status, {"error": "batch.events[3].kind: 'x' is no kind"}))
    assert isinstance(error, PermanentError)
    assert str(error).endswith(f"answered {status}: batch.events[3].kind: 'x' is no kind")


@pytest.mark.parametrize("status", [401, 403, 407])
async def test_a_refused_token_is_tried_again_and_says_what_to_check(status: int) -> None:
    error = await failure(answer(status, {"error": "unknown token"}))
    assert isinstance(error, RetryableError)
    assert "unknown token (check SENSOR_INGEST_TOKEN or SENSOR_INGEST_TOKEN_FILE" in str(error)


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 308, 400, 404, 405, 410, 421, 426, 451])
async def test_an_answer_of_something_else_is_no_success(status: int) -> None:
    async with loopback() as elsewhere:
        error = await failure(answer(status, "<html>", Location=elsewhere.address + "/v1/batches"))
    assert isinstance(error, RetryableError)
    assert str(error).endswith("(202 was expected: check SENSOR_INGEST_URL)")
    assert elsewhere.requests == []


async def test_a_busy_proxy_is_no_wrong_address() -> None:
    error = await failure(answer(429, "<html>"))
    assert isinstance(error, RetryableError)
    assert "SENSOR_INGEST_URL" not in str(error)


async def test_what_is_too_large_for_a_proxy_holds_nothing_up() -> None:
    assert isinstance(await failure(answer(413, "<html>")), PermanentError)


@pytest.mark.parametrize("how", [HANG, DRIP, b"SSH-2.0-OpenSSH_9.2\r\n"])
async def test_an_answer_that_does_not_come_is_given_up(how: bytes | str) -> None:
    error = await failure(how, patience=0.3)
    assert isinstance(error, RetryableError)
    assert "no answer" in str(error)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (RESET, "Connection reset by peer"),
        (b"\x00\x01garbage\r\n\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: nine\r\n\r\n", "RemoteProtocolError"),
    ],
)
async def test_garbage_and_resets_are_tried_again(said: bytes | str, reason: str) -> None:
    error = await failure(said)
    assert isinstance(error, RetryableError)
    assert reason in str(error)


async def test_nobody_listening_is_said_in_the_kernels_words() -> None:
    async with loopback() as server:
        pass
    async with shipping(server) as shipper:
        with pytest.raises(RetryableError, match=r"^http://127\.0\.0\.1:\d+: .*(refused|failed)"):
            await shipper.send([b"batch"])


async def test_it_works_again_after_trouble() -> None:
    async with loopback(RESET, answer(503), b"junk\r\n\r\n", TAKEN) as server, shipping(server) as shipper:
        for _ in range(3):
            with pytest.raises(RetryableError):
                await shipper.send([b"batch"])
        assert not await shipper.send([b"batch"])


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    endless = b"HTTP/1.1 400 Bad\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 200_000
    error = await failure(endless, HANG)
    assert isinstance(error, RetryableError)
    assert len(str(error)) < 400


# The token


async def test_the_token_appears_nowhere_but_in_its_header(caplog: pytest.LogCaptureFixture) -> None:
    echo = answer(400, {"error": f"your request had Authorization: Bearer {TOKEN} and I did not like it"})
    far = answer(400, {"error": "x" * 190 + TOKEN})
    raw = b"HTTP/1.1 503 Down\r\nContent-Length: 60\r\n\r\n" + TOKEN.encode().ljust(60)
    errors = [await failure(said) for said in (echo, far, raw, f"Bearer {TOKEN}\r\n\r\n".encode(), RESET, answer(401))]
    assert "<token>" in str(errors[0])
    assert "s3cret" not in str(errors[1])
    seen = [repr(e) + repr(e.__cause__) for e in errors] + [record.getMessage() for record in caplog.records]
    assert not [text for text in seen if TOKEN in text]


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    async with loopback() as server, shipping(server, token=None, token_file=str(file)) as shipper:
        await shipper.send([b"batch"])
        replacement = tmp_path / "new"
        replacement.write_text("second\n")
        replacement.rename(file)
        await shipper.send([b"batch"])
    assert [r.headers["authorization"] for r in server.requests] == ["Bearer first", "Bearer second"]


async def test_a_refused_token_is_read_again_even_if_the_file_looks_the_same(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    async with loopback(answer(401)) as server, shipping(server, token_file=str(file)) as shipper:
        with pytest.raises(RetryableError):
            await shipper.send([b"batch"])
        file.write_text("other")
        os.utime(file, ns=times)
        await shipper.send([b"batch"])
    assert [r.headers["authorization"] for r in server.requests] == ["Bearer first", "Bearer other"]


async def test_without_a_token_there_is_no_header() -> None:
    async with loopback() as server, shipping(server, token=None) as shipper:
        await shipper.send([b"batch"])
    assert "authorization" not in server.requests[0].headers


# Addresses and proxies


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ingest:8080",
        "ftp://ingest",
        "http://",
        "http://user:pa55@ingest",
        "http://[::1",
        "http://ingest:99999",
        f"http://{'a' * 64}.example",
    ],
)
async def test_an_address_that_cannot_be_one_is_said_without_repeating_it(url: str) -> None:
    shipper = IngestHttp(url=url, clock=FakeClock())
    with pytest.raises(PermanentError, match=r"^SENSOR_INGEST_URL ") as refused:
        await shipper.open()
    assert "pa55" not in str(refused.value)


async def test_a_proxy_from_the_environment_is_used_and_no_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback() as proxy, loopback() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        async with shipping(server, url="http://ingest.invalid:8080") as shipper:
            await shipper.send([b"through the proxy"])
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with shipping(server) as shipper:
            await shipper.send([b"directly"])
    assert [(r.target, r.body) for r in proxy.requests] == [
        ("http://ingest.invalid:8080/v1/batches", b"through the proxy")
    ]
    assert [r.body for r in server.requests] == [b"directly"]


@pytest.mark.parametrize("proxy", ["gopher://user:pa55@proxy", "http://user:pa55@proxy:port", "socks5://proxy:1080"])
async def test_a_proxy_that_cannot_be_used_is_said_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(PermanentError, match="ALL_PROXY cannot be used") as refused:
        await IngestHttp(url="https://ingest", clock=FakeClock()).open()
    assert "pa55" not in str(refused.value)


# TLS


class Authority(NamedTuple):
    """A throwaway authority and a server's context with a certificate of it for 127.0.0.1."""

    ca_file: Path
    server: ssl.SSLContext


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def _openssl_3() -> bool:
    if shutil.which("openssl") is None:
        return False
    said = subprocess.run(["openssl", "version"], check=True, capture_output=True, text=True, timeout=60).stdout
    name, number, *_ = said.split()
    return name == "OpenSSL" and int(number.split(".")[0]) >= 3


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Authority:
    need(_openssl_3(), "the openssl command, version 3 or later, to make a certificate authority")
    place = tmp_path_factory.mktemp("authority")
    ca, ca_key, pem, key = (place / name for name in ("ca.pem", "ca.key", "server.pem", "server.key"))
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    usage = "keyUsage=critical,keyCertSign"
    openssl(*new, "-keyout", ca_key, "-out", ca, "-subj", "/CN=A throwaway authority", "-addext", usage)
    signed = ("-CA", ca, "-CAkey", ca_key, "-addext", "subjectAltName=IP:127.0.0.1")
    no_ca = ("-addext", "basicConstraints=critical,CA:FALSE")
    openssl(*new, "-keyout", key, "-out", pem, "-subj", "/CN=ingest", *signed, *no_ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return Authority(ca, context)


async def test_an_own_authority_is_trusted_when_it_is_given(authority: Authority) -> None:
    async with loopback(context=authority.server) as server:
        async with shipping(server, ca_file=str(authority.ca_file)) as shipper:
            await shipper.send([b"batch"])
        assert [request.body for request in server.requests] == [b"batch"]


async def test_without_it_nothing_is_sent_and_the_reason_says_what_to_check(authority: Authority) -> None:
    async with loopback(context=authority.server) as server:
        async with shipping(server) as shipper:
            with pytest.raises(RetryableError, match=r"certificate verify failed.*check SENSOR_INGEST_CA_FILE"):
                await shipper.send([b"batch"])
        assert server.requests == []


async def test_a_certificate_for_another_name_is_not_trusted(authority: Authority) -> None:
    async with loopback(context=authority.server) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        async with shipping(server, ca_file=str(authority.ca_file), url=address) as shipper:
            with pytest.raises(RetryableError, match="certificate verify failed"):
                await shipper.send([b"batch"])
        assert server.requests == []


async def test_tls_goes_through_a_proxy_that_never_sees_the_token(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback() as proxy, loopback(context=authority.server) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        async with shipping(server, ca_file=str(authority.ca_file)) as shipper:
            await shipper.send([b"batch"])
        assert [request.body for request in server.requests] == [b"batch"]
    (connect,) = proxy.requests
    assert (connect.method, connect.target) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert "authorization" not in connect.headers


@pytest.mark.parametrize("content", [None, "", "no certificate"])
async def test_a_certificate_file_that_is_none_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(PermanentError, match=f"no certificates can be read from {file}"):
        await IngestHttp(url="https://ingest", ca_file=str(file), clock=FakeClock()).open()


async def test_an_authority_that_is_replaced_is_trusted_without_a_restart(tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    file = tmp_path / "ca.pem"
    shutil.copy(tmp_path / "tls.crt", file)
    first = tls_context(str(file))
    assert tls_context(str(file)) is first
    write_certificate(tmp_path, "second")
    (tmp_path / "tls.crt").replace(file)
    second = tls_context(str(file))
    assert second is not first
    assert "second" in str(second.get_ca_certs())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, tmp_path / "tls.key")
    async with loopback(context=context) as server, shipping(server, ca_file=str(file)) as shipper:
        await shipper.send([b"batch"])
    file.write_text("half of a certifi")
    assert tls_context(str(file)) is second
    file.unlink()
    assert tls_context(str(file)) is second


async def test_sending_before_opening_is_a_fault_of_ours() -> None:
    with pytest.raises(RuntimeError):
        await IngestHttp(url="http://127.0.0.1:1", clock=FakeClock()).send([b"batch"])


async def test_two_senders_do_not_wait_for_each_other_for_ever() -> None:
    async with loopback() as server, shipping(server) as shipper:
        await asyncio.gather(*(shipper.send([b"batch"]) for _ in range(4)))
    assert len(server.requests) == 4
