"""Our signatures are those of botocore."""

import datetime
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.model.events import Timestamp
from shippers.sent_secrets import SentSecrets
from shippers.sigv4 import Credentials, Request, signed

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
OURS = Credentials("AKIDEXAMPLE", SECRET, "t0ken/with+signs==")

words = st.text("abcXYZ09-._~ /%&=+é\u4e00", min_size=1, max_size=12)
tokens = st.text("abcdefXYZ", min_size=1, max_size=8)


def of_botocore(request: Request, credentials: Credentials, region: str, service: str) -> dict[str, str]:
    """The headers that botocore would send now, with the body's digest in them where S3 wants it."""
    kind = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    keys = Theirs(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    theirs = AWSRequest(request.method, request.url, dict(request.headers), request.body)
    theirs.context["client_config"] = Config(s3={"payload_signing_enabled": True})
    kind(keys, service, region).add_auth(theirs)
    return dict(theirs.headers.items())


def assert_equal(request: Request, credentials: Credentials, region: str, service: str) -> None:
    theirs = of_botocore(request, credentials, region, service)
    moment = datetime.datetime.strptime(theirs["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    now = Timestamp(int(moment.timestamp()) * 1_000_000_000 + 999_999_999)
    headers = signed(request, credentials, region=region, service=service, now=now)
    assert headers["Authorization"] == theirs["Authorization"]
    assert {k: v for k, v in theirs.items() if k in headers} == {k: v for k, v in headers.items() if k in theirs}


@given(
    path=words,
    query=st.lists(st.tuples(words, words), max_size=3),
    headers=st.dictionaries(tokens.map(lambda t: f"X-{t}"), words.map(lambda w: f" a  {quote(w)} b "), max_size=3),
    body=st.binary(max_size=100),
    service=st.sampled_from(["s3", "kinesis", "firehose", "sqs", "sts"]),
    region=st.sampled_from(["eu-central-1", "us-gov-west-1"]),
    host=st.sampled_from(["https://x.amazonaws.com", "http://127.0.0.1:5000", "https://h:443", "http://h:80"]),
    token=st.sampled_from([None, "", "AQoDYXdzE/+="]),
)
@settings(deadline=None, max_examples=150)
def test_signatures_are_those_of_botocore(
    path: str, query: Any, headers: dict[str, str], body: bytes, service: str, region: str, host: str, token: str | None
) -> None:
    url = f"{host}/{quote(path, safe='/~')}"
    if query:
        url += "?" + "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in query)
    unlike = {name.lower(): value for name, value in headers.items()}
    assert_equal(Request("POST", url, unlike, body), replace(OURS, session_token=token), region, service)


@pytest.mark.parametrize("path", ["/0///", "//", "/a/./b/../c", "/..", "/a/..", "/a/.", "/%2e%2e/a", "/a//b/"])
@pytest.mark.parametrize("service", ["s3", "kinesis"])
def test_dots_and_empty_parts_of_paths(path: str, service: str) -> None:
    assert_equal(Request("GET", f"https://x.amazonaws.com{path}"), OURS, "eu-central-1", service)


@pytest.mark.parametrize("service", ["s3", "kinesis"])
def test_without_a_query_and_a_body(service: str) -> None:
    assert_equal(Request("GET", "https://x.amazonaws.com/"), OURS, "eu-central-1", service)


def test_secrets_stand_in_no_text_of_credentials() -> None:
    for text in (repr(OURS), str(OURS), f"{OURS}", repr([OURS])):
        assert SECRET not in text
        assert "t0ken" not in text
    sent = SentSecrets("<secret>")
    sent.remember(*OURS.secrets)
    assert sent.hide(f"you sent {SECRET} and t0ken/with+signs==") == "you sent <secret> and <secret>"
    assert Credentials("a", "b").secrets == ("b",), "the token that is not there hides nothing"
    assert sent.hide("xyz") == "xyz"
