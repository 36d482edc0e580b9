"""Logins with a role's credentials, against an STS on loopback that checks the signature itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fake_sts import ANSWER, ERROR, SESSION, FakeSts, Session, fake_sts
from fakes import FakeClock
from ingest_samples import READING, WRITING, client_of, event, plain
from logins import AWS_LOGINS, INGEST, TASK, aws_login
from msgpack import packb

from ingest.identity.login import AT_ONCE, LONGEST_BODY
from ingest.store.protocol import Store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sts() -> Iterator[FakeSts]:
    with fake_sts() as server:
        yield server


@pytest.fixture
async def client(store: Store, clock: FakeClock, sts: FakeSts) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(store, clock, aws_sts_for_tests=sts.url, write_token=None, **AWS_LOGINS) as opened:
        yield opened


async def log_in(client: httpx.AsyncClient, clock: FakeClock, **how: Any) -> httpx.Response:
    return await client.post("/v1/login", json=await aws_login(clock, **how))


async def write(client: httpx.AsyncClient, token: str, **names: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/msgpack"}
    return await client.post("/v1/batches", content=packb(plain(event(1), **names)), headers=headers)


async def test_a_role_logs_in_and_writes_for_its_own_task(
    client: httpx.AsyncClient, clock: FakeClock, sts: FakeSts
) -> None:
    answer = await log_in(client, clock)
    assert answer.status_code == 200
    assert answer.json().keys() == {"token", "expires_in", "identity"}
    assert (answer.json()["expires_in"], answer.json()["identity"]) == (3600, SESSION.arn)
    assert sts.seen[0]["host"] == "sts.eu-central-1.amazonaws.com"
    assert (await write(client, answer.json()["token"], task=TASK, sensor=TASK)).status_code == 202
    (told,) = (await client.get("/v1/events", headers=READING)).json()["events"]
    assert (told["sensor"]["identity"], told["sensor"]["principal"]) == ("verified", SESSION.arn)
    (task,) = (await client.get("/v1/tasks", headers=READING)).json()["tasks"]
    assert (task["identity"], task["sensors"][0]["identity"]) == ("verified", "verified")


async def test_a_batch_that_claims_another_task_is_refused_whole_and_says_which_claim(
    client: httpx.AsyncClient, clock: FakeClock, store: Store
) -> None:
    token = (await log_in(client, clock)).json()["token"]
    answer = await write(client, token, task="another", sensor=TASK)
    assert answer.status_code == 403
    assert answer.json() == {
        "error": f"batch.task.arn (task id) claims 'another', the login is of {TASK!r}; nothing was stored",
        "claim": "task.arn (task id)",
    }
    assert (await store.state()).events == 0


async def test_the_token_reads_nothing_and_ends(client: httpx.AsyncClient, clock: FakeClock) -> None:
    token = (await log_in(client, clock)).json()["token"]
    assert (await client.get("/v1/tasks", headers={"Authorization": f"Bearer {token}"})).status_code == 403
    clock.advance(3599)
    assert (await write(client, token, task=TASK, sensor=TASK)).status_code == 202
    clock.advance(1)
    answer = await write(client, token, task=TASK, sensor=TASK)
    assert (answer.status_code, answer.json()["error"]) == (401, "the token of this login has ended: log in again")


@pytest.mark.parametrize(
    "session", [SESSION._replace(secret="another"), SESSION._replace(token="another"), SESSION._replace(key="A" * 20)]
)
async def test_who_does_not_have_the_credentials_is_not_let_in(
    client: httpx.AsyncClient, clock: FakeClock, session: Session
) -> None:
    answer = await log_in(client, clock, session=session)
    assert answer.status_code == 401
    assert answer.json()["error"] == "aws: STS answered 403: SignatureDoesNotMatch"


async def test_a_request_for_another_ingest_is_not_even_sent(
    client: httpx.AsyncClient, clock: FakeClock, sts: FakeSts
) -> None:
    assert (await log_in(client, clock, ingest="other.example.org")).status_code == 401
    assert sts.asked == 0


async def test_its_name_cannot_be_changed_on_the_way(client: httpx.AsyncClient, clock: FakeClock) -> None:
    login = await aws_login(clock, ingest="other.example.org")
    login["aws"]["headers"]["x-fargate-sensor-ingest"] = INGEST
    answer = await client.post("/v1/login", json=login, headers={"Host": "other.example.org"})
    assert answer.json()["error"] == "aws: STS answered 403: SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("arn", "reason"),
    [
        ("arn:aws:sts::999999999999:assumed-role/web/x1", "account 999999999999 is none of INGEST_AWS_ACCOUNTS"),
        ("arn:aws:sts::123456789012:assumed-role/admin/x1", "role admin matches none of INGEST_AWS_ROLES"),
        ("arn:aws:iam::123456789012:user/web", "the caller is no session of a role"),
        ("arn:aws:sts::123456789012:federated-user/web", "the caller is no session of a role"),
    ],
)
async def test_only_configured_accounts_and_roles_are_let_in(
    store: Store, clock: FakeClock, arn: str, reason: str
) -> None:
    session = SESSION._replace(arn=arn)
    with fake_sts(session) as sts:
        fields = {"aws_sts_for_tests": sts.url, "aws_roles": ("web", "shop-*")} | AWS_LOGINS
        async with client_of(store, clock, **fields) as client:
            answer = await log_in(client, clock, session=session)
    assert answer.status_code == 403
    assert reason in answer.json()["error"]


GOOD = ANSWER.format(arn=SESSION.arn, account="123456789012")


@pytest.mark.parametrize(
    ("instead", "status"),
    [
        ((500, "text/xml", b""), 503),
        ((429, "text/xml", b""), 503),
        ((302, "text/xml", b""), 401),
        ((400, "text/xml", ERROR.format(code="Throttling").encode()), 503),
        ((400, "text/xml", ERROR.format(code="RequestLimitExceeded").encode()), 503),
        ((400, "text/xml", ERROR.format(code="RequestExpired").encode()), 401),
        ((200, "text/html", GOOD.encode()), 503),
        ((200, "text/xml", GOOD.encode()[:-30]), 503),
        ((200, "text/xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + GOOD.encode()), 503),
        ((200, "text/xml", GOOD.replace("GetCallerIdentityResponse", "AssumeRoleResponse").encode()), 503),
        ((200, "text/xml", GOOD.replace("sts.amazonaws.com", "evil.example").encode()), 503),
        ((200, "text/xml", GOOD.replace("</Arn>", "</Arn><Arn>arn:aws:x</Arn>").encode()), 503),
        ((200, "text/xml", GOOD.replace("<Account>1", "<Account>9").encode()), 503),
        ((200, "text/xml", GOOD.replace("arn:aws:", "arn:aws-cn:").encode()), 401),
        ((200, "text/xml", b"x" * 70_000), 503),
    ],
)
async def test_only_the_document_that_sts_sends_is_believed(
    client: httpx.AsyncClient, clock: FakeClock, sts: FakeSts, instead: tuple[int, str, bytes], status: int
) -> None:
    sts.instead = instead
    answer = await log_in(client, clock)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)


async def test_an_sts_that_cannot_be_reached_is_tried_again(store: Store, clock: FakeClock) -> None:
    with fake_sts() as sts:
        url = sts.url
    async with client_of(store, clock, aws_sts_for_tests=url, **AWS_LOGINS) as client:
        answer = await log_in(client, clock)
    assert (answer.status_code, answer.json()["error"]) == (503, "STS cannot be reached (ConnectError): try again")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "one JSON object"),
        (b"[]", "one JSON object"),
        (b"\xff", "one JSON object"),
        (b"[" * 20_000, "one JSON object"),
        (b'{"aws": {}, "aws": {}}', "one JSON object"),
        (b"{}", "either aws or kubernetes"),
        (b'{"aws": {}, "kubernetes": {}}', "either aws or kubernetes"),
        (b'{"password": "x"}', "either aws or kubernetes"),
    ],
)
async def test_what_is_no_login_is_refused_in_one_line(client: httpx.AsyncClient, body: bytes, reason: str) -> None:
    answer = await client.post("/v1/login", content=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


async def test_a_login_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/login", content=b"x" * (LONGEST_BODY + 1))).status_code == 413


async def test_logins_have_a_rate_and_what_is_wrong_here_does_not_use_it_up(
    store: Store, clock: FakeClock, sts: FakeSts
) -> None:
    async with client_of(store, clock, aws_sts_for_tests=sts.url, max_logins=0.5, **AWS_LOGINS) as client:
        for _ in range(20):
            assert (await log_in(client, clock, ingest="other.example.org")).status_code == 401
        assert [(await log_in(client, clock)).status_code for _ in range(6)] == [200] * 5 + [429]
        assert sts.asked == 5
        clock.advance(2)
        assert (await log_in(client, clock)).status_code == 200
        lines = (await client.get("/metrics")).text.splitlines()
        assert 'ingest_logins_total{status="429"} 1.0' in lines


async def test_only_so_many_are_under_way_at_once(client: httpx.AsyncClient, clock: FakeClock, sts: FakeSts) -> None:
    sts.going.clear()
    waiting = [asyncio.create_task(log_in(client, clock)) for _ in range(AT_ONCE)]
    for _ in waiting:
        assert await asyncio.to_thread(sts.arrived.acquire, timeout=20)
    answer = await log_in(client, clock)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert f"{AT_ONCE} logins are under way already" in answer.json()["error"]
    sts.going.set()
    assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
    assert (await log_in(client, clock)).status_code == 200


async def test_who_sends_slowly_keeps_nobody_out(client: httpx.AsyncClient, clock: FakeClock) -> None:
    begun, going = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.release()
        await going.wait()
        yield b"{}"

    slow = [asyncio.create_task(client.post("/v1/login", content=slowly())) for _ in range(AT_ONCE + 1)]
    for _ in slow:
        await asyncio.wait_for(begun.acquire(), 20)
    assert (await log_in(client, clock)).status_code == 200
    going.set()
    assert {each.status_code for each in await asyncio.gather(*slow)} == {400}


async def test_a_sensor_cannot_call_itself_verified(store: Store) -> None:
    batch = plain(event(1))
    batch["sensor"] |= {"identity": "verified", "principal": SESSION.arn}
    async with client_of(store) as client:
        assert (await client.post("/v1/batches", content=packb(batch), headers=WRITING)).status_code == 202
        (told,) = (await client.get("/v1/events", headers=READING)).json()["events"]
    assert told["sensor"]["identity"] == "claimed"
    assert "principal" not in told["sensor"]


async def test_an_ingest_without_logins_says_so(store: Store, clock: FakeClock) -> None:
    async with client_of(store, clock) as client:
        answer = await log_in(client, clock)
        assert (answer.status_code, "INGEST_AWS_ACCOUNTS" in answer.json()["error"]) == (404, True)
        answer = await client.post("/v1/login", content=json.dumps({"kubernetes": {"token": "x"}}))
        assert (answer.status_code, "INGEST_KUBERNETES_ISSUERS" in answer.json()["error"]) == (404, True)
