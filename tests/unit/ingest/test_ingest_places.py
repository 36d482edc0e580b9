"""Who may have how many batches under way."""

from contextlib import ExitStack

import pytest

from ingest.answers import Refused
from ingest.identity.principal import AwsPrincipal
from ingest.places import Places

ONE, OTHER = (AwsPrincipal("aws", "123456789012", "web", name) for name in ("t1", "t2"))


def test_one_login_cannot_have_all_places() -> None:
    places = Places(64)
    with ExitStack() as held:
        for _ in range(8):
            held.enter_context(places.one(ONE))()
        with pytest.raises(Refused, match="8 batches of this login") as refused, places.one(ONE) as take:
            take()
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        held.enter_context(places.one(OTHER))()
    with places.one(ONE) as take:
        take()


def test_those_with_a_token_of_the_configuration_may_have_all() -> None:
    places = Places(10)
    with ExitStack() as held:
        for _ in range(10):
            held.enter_context(places.one(None))()
        for who in (None, ONE):
            with pytest.raises(Refused, match="10 batches are being taken already"), places.one(who) as take:
                take()


def test_a_place_is_one_however_often_it_is_taken_and_none_until_then() -> None:
    places = Places(1)
    with places.one(None) as first, places.one(None) as second:
        first()
        first()
        with pytest.raises(Refused):
            second()
    with places.one(ONE) as take:
        take()
