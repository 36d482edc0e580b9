"""The tokens of logins: ours, whole and in time, or nothing."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
import pytest
from fakes import START, FakeClock
from hypothesis import given
from hypothesis import strategies as st

from ingest.answers import Refused
from ingest.identity.principal import AwsPrincipal, PodPrincipal, Principal
from ingest.identity.tickets import PREFIX, Tickets

KEY, OTHER = b"k" * 32, b"o" * 32
ROLE = AwsPrincipal("aws", "123456789012", "web", "t1")
POD = PodPrincipal("https://issuer", "shop", "web", "web-1", "u1")


def tickets(*keys: bytes, clock: FakeClock | None = None) -> Tickets:
    return Tickets(lambda: keys or (KEY,), clock or FakeClock())


@pytest.mark.parametrize("principal", [ROLE, POD])
def test_who_logged_in_comes_back(principal: Principal) -> None:
    assert tickets().principal(tickets().issue(principal).encode()) == principal


def test_an_hour_is_the_most() -> None:
    clock = FakeClock()
    ticket = tickets(clock=clock).issue(ROLE, 10**6).encode()
    clock.advance(3599)
    assert tickets(clock=clock).principal(ticket) == ROLE
    clock.advance(1)
    with pytest.raises(Refused, match="has ended: log in again"):
        tickets(clock=clock).principal(ticket)


def test_while_the_key_is_replaced_both_are_good_and_the_new_one_signs() -> None:
    old = tickets(OTHER).issue(ROLE).encode()
    assert tickets(KEY, OTHER).principal(old) == ROLE
    new = tickets(KEY, OTHER).issue(ROLE).encode()
    assert tickets(KEY).principal(new) == ROLE
    with pytest.raises(ValueError, match="none of our keys"):
        tickets(KEY).principal(old)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_ticket_with_one_byte_changed_is_no_ticket(place: int, change: int) -> None:
    ticket = bytearray(tickets().issue(ROLE).encode())
    ticket[place % len(ticket)] ^= change
    with pytest.raises(ValueError, match=r"no ticket|none of our keys"):
        tickets().principal(bytes(ticket))


def test_claims_cannot_be_moved_under_another_signature() -> None:
    one, other = tickets().issue(ROLE), tickets().issue(POD)
    mixed = f"{one.rsplit('.', 1)[0]}.{other.rsplit('.', 1)[1]}"
    with pytest.raises(ValueError, match="none of our keys"):
        tickets().principal(mixed.encode())


def ways_to_write(ticket: str) -> dict[str, str]:
    """A ticket as readers of base64, of headers or of points may take it to be the same."""
    prefix, claims, signature = ticket.split(".")
    last = signature[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(last) ^ 1]  # the last character of 32 bytes has two bits that mean nothing
    return {
        "padded claims": f"{prefix}.{claims}{'=' * (-len(claims) % 4)}=.{signature}",
        "a padded signature": f"{ticket}=",
        "other last bits": ticket[:-1] + twin,
        "a point more": f"{ticket}.",
        "a part more": f"{ticket}.{signature}",
        "no signature": f"{prefix}.{claims}.",
        "a blank within": f"{prefix}.{claims[:4]} {claims[4:]}.{signature}",
        "a line end": f"{ticket}\n",
        "another case of the prefix": ticket.replace(prefix, prefix.upper(), 1),
        "the other alphabet": f"{prefix}.{claims}.{signature.replace('-', '+').replace('_', '/')}+",
    }


@pytest.mark.parametrize("way", ways_to_write("fst1.a.A"))
def test_there_is_one_way_to_write_a_ticket(way: str) -> None:
    ticket = tickets().issue(ROLE)
    other = ways_to_write(ticket)[way]
    assert tickets().principal(ticket.encode()) == ROLE
    assert other != ticket
    with pytest.raises(ValueError, match=r"no ticket|none of our keys"):
        tickets().principal(other.encode())


def test_a_jwt_signed_with_our_own_key_is_no_ticket() -> None:
    claims = {"exp": START // 10**9 + 60, "by": "aws", "who": list(ROLE)}
    for token in (jwt.encode(claims, KEY, "HS256"), jwt.encode(claims, None, "none")):
        for ticket in (token.encode(), PREFIX + token.encode()):
            with pytest.raises(ValueError, match=r"no ticket|none of our keys"):
                tickets().principal(ticket)


@pytest.mark.parametrize("ticket", [b"", b"fst1.", PREFIX + b"x" * 5000, b"write-token", b"\xff" * 40])
def test_what_is_no_ticket(ticket: bytes) -> None:
    with pytest.raises(ValueError, match=r"no ticket|none of our keys"):
        tickets().principal(ticket)


STRANGE = [[], {}, {"by": "aws"}, {"by": "gcp", "exp": 1, "who": []}]
STRANGE += [{"by": "aws", "exp": 1, "who": who} for who in (["x"], 4, None, "abcd")]


@pytest.mark.parametrize("claims", STRANGE)
def test_claims_of_another_version_are_refused_though_we_signed_them(claims: object) -> None:
    body = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    signature = urlsafe_b64encode(hmac.digest(KEY, b"fargate-sensor ticket 1\0" + body, "sha256")).rstrip(b"=")
    with pytest.raises(ValueError, match="another version"):
        tickets().principal(PREFIX + body + b"." + signature)


def test_a_ticket_says_who_and_until_when_and_nothing_secret() -> None:
    claims = tickets().issue(POD, 60).split(".")[1]
    plain = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert plain == {"exp": START // 10**9 + 60, "by": "kubernetes", "who": list(POD)}
