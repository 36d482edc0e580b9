"""Credentials from every source there is, from endpoints that answer well, badly, or not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from fakes import FakeClock
from loopback_http import HANG, Loopback, answer, loopback
from running import until

from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from sensor.model.events import Timestamp
from sensor.model.times import to_rfc3339
from shippers.aws_client import Aws, http
from shippers.aws_credentials import RENEW_S, AwsCredentials
from shippers.aws_sources import container_uri
from shippers.http_client import http_client, httpx
from shippers.renewal import AGAIN_S
from shippers.sigv4 import Credentials

SECRET = "s3cret-key-that-nobody-may-read"
TOKEN = "s3ssion-token"
ROLE = "arn:aws:iam::123456789012:role/task"
NS = 1_000_000_000


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(ca_file=None, timeout=httpx.Timeout(5.0)) as opened:
        yield opened


def container_answer(number: int, clock: FakeClock, lifetime_s: float = 3600.0) -> bytes:
    """What ECS says; `number` tells one answer from another."""
    ends = to_rfc3339(clock.wall() + round(lifetime_s * NS))
    return answer(200, {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": ends})


def sts_answer(status: int, inside: str) -> bytes:
    body = f"<AssumeRoleWithWebIdentityResponse>{inside}</AssumeRoleWithWebIdentityResponse>".encode()
    return b"HTTP/1.1 %d Because\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def container(server: Loopback, **more: str) -> dict[str, str]:
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.address}/creds"} | more


def made(environ: dict[str, str], clock: FakeClock | None = None, **settings: Any) -> AwsCredentials:
    return AwsCredentials(environ=environ, region="eu-central-1", clock=clock or FakeClock(), **settings)


async def failure(server: Loopback, environ: dict[str, str], **settings: Any) -> DeliveryError:
    async with client() as opened:
        with pytest.raises(DeliveryError) as failed:
            await made(environ, **settings).current(opened)
    assert str(failed.value).isprintable()
    assert SECRET not in str(failed.value)
    return failed.value


# Sources


async def test_variables_hold_for_ever() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    async with client() as opened:
        found = await made(environ).current(opened)
    assert (found.access_key_id, found.secret_access_key, found.session_token, found.expires) == (
        "AKIA1",
        SECRET,
        TOKEN,
        None,
    )


async def test_blanks_around_variables_are_none_of_theirs() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKIA1\n", "AWS_SECRET_ACCESS_KEY": f" {SECRET}", "AWS_SESSION_TOKEN": f"{TOKEN}\n"}
    async with client() as opened:
        assert await made(environ).current(opened) == Credentials("AKIA1", SECRET, TOKEN)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("bad", ["two\nlines", "ke\u00fd", "a\0b"])
def test_variables_that_no_header_carries_are_named_and_not_repeated(name: str, bad: str) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": SECRET} | {name: bad}
    with pytest.raises(PermanentError) as refused:
        made(environ).find_source()
    assert str(refused.value) == f"{name} holds characters that no HTTP header carries"


async def test_the_containers_endpoint_is_asked_with_its_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    clock = FakeClock()
    async with loopback(*[container_answer(n, clock) for n in (1, 2)]) as server, client() as opened:
        for more in (
            {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "from-a-variable\n"},
            {
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "from-a-variable",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
            },
        ):
            found = await made(container(server, **more), clock).current(opened)
    assert [(r.target, r.headers["authorization"]) for r in server.requests] == [
        ("/creds", "from-a-variable"),
        ("/creds", "from-a-file"),
    ]
    assert (found.access_key_id, found.session_token) == ("ASIA2", TOKEN)
    assert found.expires == clock.wall() + 3600 * NS


def test_ecs_is_asked_at_its_own_address() -> None:
    assert container_uri({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/creds"}) == "http://169.254.170.2/v2/creds"


async def test_a_web_identity_is_exchanged_unsigned(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a.b.c")
    inside = (
        f"<Credentials><AccessKeyId>ASIA9</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
        f"<SessionToken>{TOKEN}</SessionToken><Expiration>2023-11-14T23:13:20Z</Expiration></Credentials>"
    )
    async with loopback(sts_answer(200, inside)) as server, client() as opened:
        environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL": server.address}
        found = await made(environ).current(opened)
    (request,) = server.requests
    assert "authorization" not in request.headers
    assert parse_qs(request.body.decode()) == {
        "Action": ["AssumeRoleWithWebIdentity"],
        "Version": ["2011-06-15"],
        "RoleArn": [ROLE],
        "RoleSessionName": ["fargate-sensor"],
        "WebIdentityToken": ["a.b.c"],
    }
    assert (found.access_key_id, found.secret_access_key) == ("ASIA9", SECRET)
    assert found.expires == FakeClock().wall() + 3600 * NS


async def test_a_refused_web_identity_says_what_to_check(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a.b.c")
    said = sts_answer(403, "<Error><Code>AccessDenied</Code><Message>not for a.b.c</Message></Error>")
    async with loopback(said) as server:
        environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL": server.address}
        error = await failure(server, environ)
    assert isinstance(error, RetryableError)
    assert str(error) == (
        "STS: AssumeRoleWithWebIdentity answered 403: AccessDenied not for <token> "
        "(check AWS_ROLE_ARN and the trust policy of that role)"
    )


def test_where_nobody_hands_any_out_it_is_said_what_to_do() -> None:
    with pytest.raises(PermanentError, match=r"^no AWS credentials: give the task a role \(taskRoleArn\), or"):
        made({"AWS_ACCESS_KEY_ID": "only half"}).find_source()


@pytest.mark.parametrize(
    "uri", ["http://evil.example/creds", "ftp://127.0.0.1/", "http://[::1", "https://h/\u00e9", "x"]
)
def test_a_token_is_not_sent_to_just_anybody(uri: str) -> None:
    with pytest.raises(PermanentError, match=r"^AWS_CONTAINER_CREDENTIALS_FULL_URI should be https://"):
        made({"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri}).find_source()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            answer(403, {"code": "AccessDenied", "message": "token s3cret-key-that-nobody-may-read"}),
            "AccessDenied token <token>",
        ),
        (answer(500), "answered 500: no reason given"),
        (answer(200, {"AccessKeyId": "x"}), "the answer holds no keys"),
        (answer(200, {"AccessKeyId": "x", "SecretAccessKey": "y\n"}), "the answer holds no keys"),
        (answer(200, {"AccessKeyId": "x", "SecretAccessKey": 7}), "the answer holds no keys"),
        (answer(200, {"AccessKeyId": "x", "SecretAccessKey": "y", "Token": "z\n"}), "the answer holds no keys"),
        (answer(200, [1]), "the answer holds no keys"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{[x", "the answer holds no keys"),
        (answer(200, {"AccessKeyId": "x", "SecretAccessKey": "y", "Expiration": "soon"}), "is not an RFC 3339 time"),
        (
            answer(200, {"AccessKeyId": "x", "SecretAccessKey": "y", "Expiration": "2020-01-01T00:00:00Z"}),
            "ended already",
        ),
        (b"SSH-2.0\r\n\r\n", "the container's credentials: "),
    ],
)
async def test_answers_that_are_none_are_tried_again(said: bytes, reason: str) -> None:
    async with loopback(said) as server:
        error = await failure(server, container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN=SECRET))
    assert isinstance(error, RetryableError)
    assert reason in str(error)


async def test_an_endpoint_that_does_not_answer_is_given_up() -> None:
    async with loopback(HANG) as server:
        error = await failure(server, container(server), patience=0.2)
    assert isinstance(error, RetryableError)
    assert str(error) == "AWS credentials: no answer within 0.2 s"


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"", "holds no token"), (b"\xff", "ASCII")])
async def test_a_token_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    async with loopback() as server:
        error = await failure(server, container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file)))
    assert isinstance(error, RetryableError)
    assert str(file) in str(error)
    assert reason in str(error)


async def test_the_containers_endpoint_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    async with loopback() as proxy, loopback(container_answer(1, clock)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        aws = Aws("eu-central-1", container(server), clock)
        async with http(aws) as opened:
            assert (await made(container(server), clock).current(opened)).access_key_id == "ASIA1"
            await opened.get("http://kinesis.invalid/")
    assert [request.target for request in proxy.requests] == ["http://kinesis.invalid/"]
    assert len(server.requests) == 1


# Renewal


async def test_they_are_renewed_before_they_end_and_not_sooner() -> None:
    clock = FakeClock()
    async with loopback(*[container_answer(n, clock, 3600.0 * n) for n in (1, 2)]) as server, client() as opened:
        credentials = made(container(server), clock)
        keys = []
        for seconds in (0, 3599 - RENEW_S, 2, 60):
            clock.advance(seconds)
            keys.append((await credentials.current(opened)).access_key_id)
    assert keys == ["ASIA1", "ASIA1", "ASIA2", "ASIA2"]
    assert len(server.requests) == 2


async def test_while_the_old_ones_are_good_a_failed_renewal_is_no_trouble_and_not_repeated_at_once() -> None:
    clock = FakeClock()
    said = [container_answer(1, clock), answer(500), answer(500), container_answer(2, clock, 7200.0)]
    async with loopback(*said) as server, client() as opened:
        credentials = made(container(server), clock)
        await credentials.current(opened)
        clock.advance(3601 - RENEW_S)
        for _ in range(3):
            assert (await credentials.current(opened)).access_key_id == "ASIA1"
        assert len(server.requests) == 2
        clock.advance(AGAIN_S + 1)
        assert (await credentials.current(opened)).access_key_id == "ASIA1"
        clock.advance(RENEW_S - AGAIN_S - 20)
        assert (await credentials.current(opened)).access_key_id == "ASIA2"
    assert len(server.requests) == 4


async def test_nobody_else_waits_for_a_renewal_that_hangs_nor_begins_one_that_was_cut_off() -> None:
    clock = FakeClock()
    async with loopback(container_answer(1, clock), HANG) as server, client() as opened:
        credentials = made(container(server), clock)
        await credentials.current(opened)
        clock.advance(3601 - RENEW_S)
        hanging = asyncio.ensure_future(credentials.current(opened))
        await until(lambda: len(server.requests) == 2, "a renewal")
        assert (await asyncio.wait_for(credentials.current(opened), 5)).access_key_id == "ASIA1"
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait([hanging])
        assert (await credentials.current(opened)).access_key_id == "ASIA1"
    assert len(server.requests) == 2


async def test_an_endpoint_that_hands_out_the_same_again_is_not_asked_for_each_request() -> None:
    clock = FakeClock()
    async with loopback(*[container_answer(1, clock)] * 2) as server, client() as opened:
        credentials = made(container(server), clock)
        for seconds in (0, 3601 - RENEW_S, 1, 1):
            clock.advance(seconds)
            assert (await credentials.current(opened)).access_key_id == "ASIA1"
    assert len(server.requests) == 2


async def test_once_the_old_ones_have_ended_a_failed_renewal_is_an_error() -> None:
    clock = FakeClock()
    async with loopback(container_answer(1, clock), answer(500)) as server, client() as opened:
        credentials = made(container(server), clock)
        await credentials.current(opened)
        clock.advance(3600)
        with pytest.raises(RetryableError, match="answered 500"):
            await credentials.current(opened)


async def test_many_who_ask_at_once_cause_one_request() -> None:
    clock = FakeClock()
    async with loopback(container_answer(1, clock)) as server, client() as opened:
        credentials = made(container(server), clock)
        found = await asyncio.gather(*(credentials.current(opened) for _ in range(10)))
    assert {one.access_key_id for one in found} == {"ASIA1"}
    assert len(server.requests) == 1


async def test_refused_ones_are_asked_for_again() -> None:
    clock = FakeClock()
    async with loopback(*[container_answer(n, clock) for n in (1, 2)]) as server, client() as opened:
        credentials = made(container(server), clock)
        await credentials.current(opened)
        credentials.refused()
        assert (await credentials.current(opened)).access_key_id == "ASIA2"


async def test_one_who_is_cancelled_leaves_the_others_their_turn() -> None:
    clock = FakeClock()
    async with loopback(HANG, container_answer(1, clock)) as server, client() as opened:
        credentials = made(container(server), clock)
        asking = asyncio.create_task(credentials.current(opened))
        await until(lambda: server.requests, "a request")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await credentials.current(opened)).access_key_id == "ASIA1"


async def test_secrets_stand_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = FakeClock(wall=Timestamp(1_700_000_000 * NS))
    async with loopback(container_answer(1, clock)) as server, client() as opened:
        credentials = made(container(server, AWS_CONTAINER_AUTHORIZATION_TOKEN="s3cret-bearer"), clock)
        found = await credentials.current(opened)
    texts = [repr(credentials), repr(found), str(found), *(record.getMessage() for record in caplog.records)]
    assert not [text for text in texts if "s3cret" in text or TOKEN in text]
    assert credentials.hide(f"a {SECRET} b") == "a <secret> b"
    credentials.refused()  # by the answer to one lane; that to the other may repeat them too
    assert credentials.hide(f"a {SECRET} b") == "a <secret> b"
