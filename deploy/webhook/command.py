"""`fargate-sensor webhook`: puts the sensor into pods as they are created."""

import asyncio
import os
import re
import socket
from pathlib import Path

from deploy.commands import pod_options
from deploy.commands.complaints import CannotDo, Parser, say
from deploy.pod.wishes import Wishes
from deploy.sidecar.variables import mistake_in_created_pod
from deploy.webhook import json_log
from deploy.webhook.certificate import CertificateUnusable
from deploy.webhook.service import serve

PROGRAM = "fargate-sensor webhook"
ABOUT = """\
The admission webhook: answers the AdmissionReview of each new pod with a patch that puts the sensor into it.
POST /mutate over TLS; below it /mutate/same-uid and /mutate/root, whatever --security says. /healthz, /readyz and
/metrics are on a plain port of their own. A fault of the webhook lets the pod start without the sensor.
Exit codes: 0 when it was asked to end, 1 when it cannot run here, 2 for wrong usage."""
EXAMPLE = """\
for example:
  fargate-sensor webhook --cert-dir /etc/fargate-sensor/tls --ingest-url https://ingest.example.org \\
    --image 123456789012.dkr.ecr.eu-central-1.amazonaws.com/fargate-sensor:0.1.0"""
_ADDRESS = re.compile(r"(?:\[([^\]]+)\]|([^\[\]:]*)):(\d{1,5})")


def main(argv: list[str]) -> int:
    """Run until SIGTERM. Returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        wishes = _filled_in(pod_options.wishes(options, os.environ))
        with (
            listen("--listen", options.listen) as reviews,
            listen("--health-listen", options.health_listen) as health,
        ):
            json_log.configure()
            asyncio.run(serve(wishes, options.cert_dir, reviews, health))
    except CannotDo as error:
        say(PROGRAM, error.lines)
        return error.code
    except CertificateUnusable as error:
        say(PROGRAM, [f"--cert-dir: {error}"])
        return 1
    return 0


def _filled_in(wishes: Wishes) -> Wishes:
    """Raises `CannotDo` for a variable that every sensor would refuse: whoever fills in templates has been by."""
    if wrong := [line for one in wishes.said().items() if (line := mistake_in_created_pod(*one)) is not None]:
        raise CannotDo(wrong, 2)
    return wishes


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description=ABOUT, epilog=EXAMPLE)
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default="0.0.0.0:8443", help="where reviews are taken (0.0.0.0:8443)"
    )
    parser.add_argument(
        "--health-listen", metavar="HOST:PORT", default="0.0.0.0:8080", help="health and metrics (0.0.0.0:8080)"
    )
    parser.add_argument(
        "--cert-dir", metavar="DIR", type=Path, required=True, help="has tls.crt and tls.key, which may change"
    )
    pod_options.add_options(parser)
    return parser


def listen(option: str, text: str) -> socket.socket:
    """A listening socket; `[::]` takes IPv4 as well. Raises `CannotDo`."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[3]) > 65535:
        raise CannotDo([f"{option}: expected HOST:PORT, found {ascii(text)[:80]}"], 2)
    host, port = found[1] or found[2], int(found[3])
    dual = host == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=1024, dualstack_ipv6=dual)
    except OSError as error:
        raise CannotDo([f"{option}: cannot listen on {text}: {os.strerror(error.errno or 0)}"]) from error
    # asyncio sets it only on sockets made with IPPROTO_TCP; without it answers wait for delayed acknowledgements.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
