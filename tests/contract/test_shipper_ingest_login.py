"""The HTTP shipper logs in by itself, in time, and says in one line why it cannot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_sts import SESSION
from fakes import FakeClock
from logins import REGION
from loopback_http import HANG, TAKEN, Answer, Loopback, Request, answer, loopback
from running import until

from sensor.config.settings import Settings
from sensor.model.errors import DeliveryError, PermanentError, RetryableError
from shippers import registry
from shippers.aws_client import Aws
from shippers.aws_proof import AwsProof
from shippers.ingest_http import IngestHttp
from shippers.ingest_login import IngestLogin
from shippers.login_proof import PodProof
from shippers.renewal import AGAIN_S

KEYS = {
    "AWS_ACCESS_KEY_ID": SESSION.key,
    "AWS_SECRET_ACCESS_KEY": SESSION.secret,
    "AWS_SESSION_TOKEN": SESSION.token,
}


def granted(token: str = "t1", seconds: int = 3600) -> bytes:
    return answer(200, {"token": token, "expires_in": seconds, "identity": "x"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@asynccontextmanager
async def shipping(
    server: Loopback, clock: FakeClock, environ: dict[str, str] | None = None, path: str = "", patience: float = 30
) -> AsyncIterator[IngestHttp]:
    proof = AwsProof(Aws(REGION, KEYS if environ is None else environ, clock))
    login = IngestLogin(proof, clock, patience=patience)
    shipper = IngestHttp(url=server.address + path, clock=clock, login=login)
    await shipper.open()
    try:
        yield shipper
    finally:
        await shipper.aclose()


async def failure(
    clock: FakeClock, *answers: Answer, environ: dict[str, str] | None = None, patience: float = 30
) -> DeliveryError:
    async with loopback(*answers) as server, shipping(server, clock, environ, patience=patience) as shipper:
        with pytest.raises(DeliveryError) as failed:
            await shipper.send([b"batch"])
    assert SESSION.secret not in str(failed.value)
    assert SESSION.token not in str(failed.value)
    assert "\n" not in str(failed.value)
    return failed.value


@pytest.mark.parametrize("path", ["", "/", "/behind/a/path"])
async def test_one_login_serves_many_batches(clock: FakeClock, path: str) -> None:
    async with loopback(granted()) as server, shipping(server, clock, path=path) as shipper:
        await shipper.send([b"one", b"two"])
        await shipper.send([b"three"])
    assert [(request.method, request.target) for request in server.requests] == [
        ("POST", f"{path.rstrip('/')}/v1/login"),
        *[("POST", f"{path.rstrip('/')}/v1/batches")] * 3,
    ]
    assert {request.headers["authorization"] for request in server.requests[1:]} == {"Bearer t1"}
    assert "authorization" not in server.requests[0].headers


async def test_lanes_that_send_together_log_in_once(clock: FakeClock) -> None:
    async with loopback(granted()) as server, shipping(server, clock) as shipper:
        await asyncio.gather(*(shipper.send([b"batch"]) for _ in range(5)))
    assert [request.target for request in server.requests].count("/v1/login") == 1


async def test_the_token_is_renewed_before_it_ends(clock: FakeClock) -> None:
    async with loopback(granted("t1", 1000), TAKEN, TAKEN, granted("t2")) as server, shipping(server, clock) as shipper:
        await shipper.send([b"1"])
        clock.advance(799)
        await shipper.send([b"2"])
        clock.advance(1)
        await shipper.send([b"3"])
    tokens = [request.headers.get("authorization") for request in server.requests]
    assert tokens == [None, "Bearer t1", "Bearer t1", None, "Bearer t2"]


async def test_while_the_old_token_is_good_a_renewal_may_fail(clock: FakeClock) -> None:
    answers = (granted("t1", 1000), TAKEN, answer(503, {"error": "no"}), TAKEN, TAKEN, granted("t2"))
    async with loopback(*answers) as server, shipping(server, clock) as shipper:
        await shipper.send([b"1"])
        clock.advance(900)
        await shipper.send([b"2"])
        await shipper.send([b"3"])
        clock.advance(AGAIN_S)
        await shipper.send([b"4"])
    tokens = [request.headers.get("authorization") for request in server.requests]
    assert tokens == [None, "Bearer t1", None, "Bearer t1", "Bearer t1", None, "Bearer t2"]


async def test_nobody_else_waits_for_a_renewal_that_hangs_nor_begins_one_that_was_cut_off(
    clock: FakeClock,
) -> None:
    answers = (granted("t1", 1000), TAKEN, HANG)
    async with loopback(*answers) as server, shipping(server, clock) as shipper:
        await shipper.send([b"1"])
        clock.advance(900)
        hanging = asyncio.ensure_future(shipper.send([b"2"]))
        await until(lambda: len(server.requests) == 3, "a renewal")
        await asyncio.wait_for(shipper.send([b"3"]), 20)
        hanging.cancel()
        await asyncio.wait([hanging])
        await shipper.send([b"2"])
    assert [(r.target, r.headers.get("authorization")) for r in server.requests[2:]] == [
        ("/v1/login", None),
        ("/v1/batches", "Bearer t1"),
        ("/v1/batches", "Bearer t1"),
    ]


async def test_a_token_that_is_refused_is_replaced_by_a_login(clock: FakeClock) -> None:
    answers = (granted("t1"), answer(401, {"error": "signed by none of our keys"}), granted("t2"))
    async with loopback(*answers) as server, shipping(server, clock) as shipper:
        with pytest.raises(RetryableError, match=r"signed by none of our keys \(the sensor logs in again\)"):
            await shipper.send([b"batch"])
        await shipper.send([b"batch"])
    assert server.requests[-1].headers["authorization"] == "Bearer t2"


@pytest.mark.parametrize("status", [400, 401, 403, 407, 500])
@pytest.mark.parametrize("more", [{}, {"claim": "task.arn"}])
async def test_a_token_that_the_answer_repeats_is_not_shown(
    clock: FakeClock, status: int, more: dict[str, str]
) -> None:
    def echo(request: Request) -> bytes:
        return answer(status, {"error": f"I do not like {request.headers['authorization']}"} | more)

    error = await failure(clock, granted("ticket"), echo)
    assert f"answered {status}: I do not like Bearer <token>" in str(error)


async def test_a_token_that_was_replaced_meanwhile_is_not_shown_either(clock: FakeClock) -> None:
    answers = (granted("first"), answer(401), granted("second"), answer(401, {"error": "first, second"}))
    async with loopback(*answers) as server, shipping(server, clock) as shipper:
        for reason in ("null", "<token>, <token>"):
            with pytest.raises(RetryableError, match=reason):
                await shipper.send([b"batch"])


async def test_a_batch_that_may_not_say_what_it_says_is_set_aside(clock: FakeClock) -> None:
    error = await failure(clock, granted(), answer(403, {"error": "batch.task.arn claims 'x'", "claim": "task.arn"}))
    assert isinstance(error, PermanentError)
    assert str(error).endswith("answered 403: batch.task.arn claims 'x'")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503])
async def test_a_login_that_fails_is_tried_again_whatever_the_reason(
    clock: FakeClock, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other credentials only where it was these that were not accepted."""
    refused: list[AwsProof] = []
    monkeypatch.setattr(AwsProof, "refused", lambda proof: refused.append(proof))
    error = await failure(clock, answer(status, {"error": f"no, {SESSION.token}"}, Retry_After="7"))
    assert isinstance(error, RetryableError)
    assert error.retry_after == 7
    assert str(error).endswith(f"login answered {status}: no, <secret>")
    assert bool(refused) == (status in (401, 403))


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"token": "t1"},
        {"token": "", "expires_in": 60},
        {"token": "a b", "expires_in": 60},
        {"token": "a\r\nX: 1", "expires_in": 60},
        {"token": 7, "expires_in": 60},
        {"token": "t1", "expires_in": 0},
        {"token": "t1", "expires_in": 3601},
        {"token": "t1", "expires_in": True},
        {"token": "t1", "expires_in": "60"},
    ],
)
async def test_an_answer_without_a_usable_token_is_told(clock: FakeClock, body: Any) -> None:
    error = await failure(clock, answer(200, body))
    assert isinstance(error, RetryableError)
    assert str(error).endswith("login: the answer holds no token (check SENSOR_INGEST_URL)")


async def test_a_login_takes_only_so_long(clock: FakeClock) -> None:
    error = await failure(clock, HANG, patience=0.5)
    assert isinstance(error, RetryableError)
    assert str(error).endswith("login: no answer within 0.5 s")


async def test_an_ingest_that_is_not_there_is_told_as_ever(clock: FakeClock) -> None:
    async with loopback() as server:
        pass
    async with shipping(server, clock) as shipper:
        with pytest.raises(RetryableError, match=r"127\.0\.0\.1:\d+: login: .*[Cc]onnect"):
            await shipper.send([b"batch"])


async def test_a_task_without_a_role_waits_for_one(clock: FakeClock) -> None:
    error = await failure(clock, environ={})
    assert isinstance(error, RetryableError)
    assert "no AWS credentials: give the task a role" in str(error)


async def test_a_pods_token_is_read_for_each_login_and_never_shown(clock: FakeClock, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first.pod.token\n")
    settings = Settings(ingest_url="http://x", ingest_identity="kubernetes", ingest_identity_file=str(file))
    said = answer(401, {"error": "I do not like first.pod.token"})
    async with loopback(said, granted()) as server:
        shipper = IngestHttp(url=server.address, clock=clock, login=IngestLogin(PodProof(str(file)), clock))
        await shipper.open()
        with pytest.raises(RetryableError, match="login answered 401: I do not like <token>"):
            await shipper.send([b"batch"])
        file.write_text("second.pod.token")
        await shipper.send([b"batch"])
        await shipper.aclose()
    assert [request.body for request in server.requests] == [
        b'{"kubernetes":{"token":"first.pod.token"}}',
        b'{"kubernetes":{"token":"second.pod.token"}}',
        b"batch",
    ]
    assert registry.make("ingest_http", settings, clock).name == "ingest_http"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"", "holds no token"),
        (b"a\nb", "holds no token"),
        (b"\xff", "more than ASCII"),
    ],
)
async def test_a_pods_token_that_cannot_be_used_is_told(
    clock: FakeClock, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RetryableError, match=reason):
        await PodProof(str(file)).shown("ingest.example.org")
