"""The webhook as a process of its own, with a certificate made for it, and reviews as the API server posts them."""

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from certificates import write_certificate

COMMAND = [sys.executable, "-m", "sensor.cli", "webhook"]
WISHES = {
    "FARGATE_SENSOR_IMAGE": "registry.example.org/fargate-sensor:1",
    "FARGATE_SENSOR_INGEST_URL": "https://ingest.example.org",
}


def review(pod: Any, uid: str = "u-1", **fields: Any) -> dict[str, Any]:
    """The creation of a pod."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "dryRun": False,
            "object": pod,
            **fields,
        },
    }


def patch_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations of an answer; none where there is no patch."""
    if "patch" not in response:
        return []
    assert response["patchType"] == "JSONPatch"
    return list(json.loads(base64.b64decode(response["patch"])))


class Running:
    """A webhook that listens. `lines` is what it has logged.

    Its `options` say where its certificate is and what it listens on; `variables` are all of its own.
    """

    def __init__(self, options: Sequence[str], variables: Mapping[str, str]) -> None:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FARGATE_SENSOR_")}
        self.process = subprocess.Popen(
            [*COMMAND, *options], env={**ours, **variables}, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.trust = ssl.create_default_context()
        self.lines: list[dict[str, Any]] = []
        first = self.process.stderr.readline()
        said = json.loads(first)
        self.url, self.health = f"https://{said['reviews']}", f"http://{said['health']}"
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def stop(self) -> int:
        """As a person would. The exit code; all that it logged is in `lines` then."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=20)
        self._reading.join()
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines += map(json.loads, self.process.stderr)
        self.process.stderr.close()


@contextmanager
def started(options: Sequence[str], variables: Mapping[str, str]) -> Iterator[Running]:
    """A webhook, stopped afterwards."""
    webhook = Running(options, variables)
    try:
        yield webhook
    finally:
        if webhook.process.poll() is None:
            webhook.stop()


@contextmanager
def running(directory: Path, *options: str, **variables: str) -> Iterator[Running]:
    """The same with a certificate of its own, which is trusted, and with `WISHES`."""
    write_certificate(directory)
    listen = ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--cert-dir", str(directory)]
    with started([*listen, *options], WISHES | variables) as webhook:
        webhook.trust = ssl.create_default_context(cafile=str(directory / "tls.crt"))
        yield webhook
