"""A stand-in for STS that checks signatures of version 4 by itself; the standard library only, to run in any container.

`python fake_sts.py PORT KEY SECRET TOKEN ARN` serves GetCallerIdentity for one session of a role, and the session's
credentials at /credentials as ECS does. Written from the AWS General Reference, not from our signer.
"""

import hashlib
import hmac
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

ANSWER = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AROA:session</UserId><Account>{account}</Account></GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"""


class Session(NamedTuple):
    """Credentials, and whose they are."""

    key: str
    secret: str
    token: str
    arn: str


SESSION = Session(
    "ASIAEXAMPLEEXAMPLE00",
    "a-secret-that-nobody-may-read",
    "a-session-token",
    "arn:aws:sts::123456789012:assumed-role/web/55091c13b8cf4801b527f4601742204d",
)


class FakeSts(ThreadingHTTPServer):
    """Answers rightly, or with `instead` (status, content type, body) where a test sets that. `asked` counts.

    Each request releases `arrived`, and is answered once `going` is set, as it is unless a test clears it.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, session: Session = SESSION, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Handler)
        self.session = session
        self.instead: tuple[int, str, bytes] | None = None
        self.asked = 0
        self.arrived = threading.Semaphore(0)
        self.going = threading.Event()
        self.going.set()
        self.seen: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeSts
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        session = self.server.session
        keys = {"AccessKeyId": session.key, "SecretAccessKey": session.secret, "Token": session.token}
        self._answer(200, "application/json", json.dumps(keys | {"Expiration": "2099-01-01T00:00:00Z"}).encode())

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append(headers)
        self.server.arrived.release()
        self.server.going.wait(30)
        if self.server.instead is not None:
            self._answer(*self.server.instead)
        elif not _signed(headers, body, self.server.session):
            self._answer(403, "text/xml", ERROR.format(code="SignatureDoesNotMatch").encode())
        else:
            arn = self.server.session.arn
            self._answer(200, "text/xml", ANSWER.format(arn=arn, account=arn.split(":")[4]).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _signed(headers: dict[str, str], body: bytes, session: Session) -> bool:
    """Whether the session signed this, "Create a signed AWS API request" followed step by step."""
    given = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", "))
    key, *scope = given["Credential"].split("/")
    names = given["SignedHeaders"].split(";")
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = "\n".join(["POST", "/", "", lines, ";".join(names), hashlib.sha256(body).hexdigest()])
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()]
    )
    signing = b"AWS4" + session.secret.encode()
    for part in scope:
        signing = hmac.digest(signing, part.encode(), "sha256")
    wanted = hmac.new(signing, to_sign.encode(), "sha256").hexdigest()
    known = key == session.key and headers.get("x-amz-security-token") == session.token
    return known and body == b"Action=GetCallerIdentity&Version=2011-06-15" and wanted == given["Signature"]


@contextmanager
def fake_sts(session: Session = SESSION) -> Iterator[FakeSts]:
    """One on a port of its own, for the length of a block."""
    with FakeSts(session) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            server.going.set()
            server.shutdown()
            serving.join()


if __name__ == "__main__":
    FakeSts(Session(*sys.argv[2:6]), "", int(sys.argv[1])).serve_forever()
