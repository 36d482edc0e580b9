"""Keys of issuers: fetched, kept, rotated, and not asked for more often than is good."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes import FakeClock
from logins import ISSUER, Issuer, jwks

from ingest.answers import Refused
from ingest.identity.jwks import AGAIN_S, ANSWER_BYTES, FRESH_S, STALE_S, Keys, KeySet, from_file, from_issuer, parsed

OLD, NEW = Issuer("old", "ES256"), Issuer("new", "ES256")
CONFIGURATION = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}


class FarIssuer:
    """What an issuer serves; `asked` has the addresses."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = jwks(*keys)
        self.configuration: object = CONFIGURATION
        self.status = 200
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(f"{scope['scheme']}://{scope['server'][0]}{scope['path']}")
        text = json.dumps(self.configuration) if scope["path"].endswith("openid-configuration") else self.keys
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    def set(self, clock: FakeClock) -> KeySet:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self))
        return KeySet(ISSUER, from_issuer(client, ISSUER), clock)


async def test_keys_are_fetched_when_needed_and_then_kept_for_an_hour() -> None:
    clock, far = FakeClock(), FarIssuer(OLD.public())
    keys = far.set(clock)
    assert far.asked == []
    assert await keys.key("old") is not None
    assert far.asked == [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/keys"]
    clock.advance(FRESH_S)
    assert await keys.key("old") is not None
    assert len(far.asked) == 2
    clock.advance(1)
    assert await keys.key("old") is not None
    assert len(far.asked) == 4


async def test_a_new_key_is_found_and_an_old_one_is_gone() -> None:
    clock, far = FakeClock(), FarIssuer(OLD.public())
    keys = far.set(clock)
    assert await keys.key("old") is not None
    clock.advance(AGAIN_S)
    far.keys = jwks(OLD.public(), NEW.public())
    assert await keys.key("new") is not None
    clock.advance(FRESH_S + 1)
    far.keys = jwks(NEW.public())
    assert await keys.key("old") is None


async def test_names_that_nobody_has_do_not_make_us_ask_all_the_time() -> None:
    clock, far = FakeClock(), FarIssuer(OLD.public())
    keys = far.set(clock)
    for number in range(100):
        assert await keys.key(f"made-up-{number}") is None
    assert len(far.asked) == 2
    clock.advance(AGAIN_S)
    assert await keys.key("made-up") is None
    assert len(far.asked) == 4


async def test_keys_outlive_an_issuer_that_is_down_for_a_day_and_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    clock, far = FakeClock(), FarIssuer(OLD.public())
    keys = far.set(clock)
    assert await keys.key("old") is not None
    far.status = 500
    clock.advance(STALE_S)
    assert await keys.key("old") is not None
    assert f"the keys of {ISSUER}: {ISSUER}/.well-known/openid-configuration answered 500" in caplog.text
    clock.advance(1)
    with pytest.raises(Refused, match="cannot be had now") as caught:
        await keys.key("old")
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "30")


async def test_of_a_new_key_nothing_is_said_while_the_issuer_cannot_be_asked() -> None:
    clock, far = FakeClock(), FarIssuer(OLD.public())
    keys = far.set(clock)
    assert await keys.key("old") is not None
    far.status = 500
    for wait in (AGAIN_S, 1):
        clock.advance(wait)
        with pytest.raises(Refused, match="cannot be had now"):
            await keys.key("new")
        assert await keys.key("old") is not None
    far.status, far.keys = 200, jwks(OLD.public())
    clock.advance(AGAIN_S)
    assert await keys.key("new") is None


async def test_a_key_that_is_there_waits_for_no_answer_about_another() -> None:
    clock, asked, answer = FakeClock(), asyncio.Event(), asyncio.Event()
    found = parsed(json.loads(jwks(OLD.public())))

    async def load() -> Keys:
        if asked.is_set():
            await answer.wait()
        asked.set()
        return found

    keys = KeySet(ISSUER, load, clock)
    assert await keys.key("old") is not None
    clock.advance(AGAIN_S)
    waiting = asyncio.create_task(keys.key("made-up"))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(keys.key("old"), 5) is not None
    assert not waiting.done()
    answer.set()
    assert await waiting is None


@pytest.mark.parametrize(
    "configuration",
    [
        CONFIGURATION | {"issuer": "https://evil.example"},
        CONFIGURATION | {"jwks_uri": "http://169.254.169.254/keys"},
        CONFIGURATION | {"jwks_uri": "file:///etc/passwd"},
        CONFIGURATION | {"jwks_uri": ["https://x"]},
        CONFIGURATION | {"jwks_uri": "https://[::1"},
        {},
        [],
        None,
        "x" * ANSWER_BYTES,
    ],
)
async def test_a_configuration_that_is_not_the_issuers_gives_no_keys(configuration: object) -> None:
    far = FarIssuer(OLD.public())
    far.configuration = configuration
    with pytest.raises(Refused, match="cannot be had now"):
        await far.set(FakeClock()).key("old")
    assert len(far.asked) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"keys": 7}', '{"keys": [1, null, {}]}', "[" * 100_000, jwks()])
async def test_what_holds_no_keys_is_told(text: str, caplog: pytest.LogCaptureFixture) -> None:
    far = FarIssuer()
    far.keys = text
    with pytest.raises(Refused, match="cannot be had now"):
        await far.set(FakeClock()).key("old")
    assert len(caplog.records) == 1


async def test_a_file_is_read_again_for_a_new_key(tmp_path: Path) -> None:
    clock, file = FakeClock(), tmp_path / "keys.json"
    file.write_text(jwks(OLD.public()))
    keys = KeySet(ISSUER, from_file(file), clock)
    assert await keys.key("new") is None
    file.write_text(jwks(NEW.public()))
    clock.advance(AGAIN_S)
    assert await keys.key("new") is not None
    file.unlink()
    clock.advance(FRESH_S + 1)
    assert await keys.key("new") is not None
