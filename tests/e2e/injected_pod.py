"""A pod as `fargate-sensor inject pod` leaves it, run as containers on EKS's terms, with all that it needs around it.

Its sensor shows the token of its service account, and the ingest lets in whom the issuer vouches for.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dns_zone
import kubernetes_pod
import yaml
from docker_cli import BASE, wait_for
from engine_files import engine_files, mounted
from ingest_container import IngestContainer
from kubernetes_pod import KubernetesPod
from lab import STOP_DEADLINE, Lab
from logins import ISSUER, UID, Issuer, jwks, pod_claims
from network_ledger import start_resolver

INGEST = "ingest-with-logins"
NODE = "fargate-ip-192-168-7-9.eu-central-1.compute.internal"
IMAGES = ["--image", "sensor:1", "--env", f"SENSOR_STOP_DEADLINE={STOP_DEADLINE}"]
KEYS = "/keys.json"
DOCKERS_RESOLVER = "127.0.0.11"


class Scene(NamedTuple):
    """A pod that runs, its sensor healthy, and the ingest that it delivers to."""

    pod: KubernetesPod
    ingest: IngestContainer


def injected(manifest: str, options: Sequence[str], directory: Path) -> dict[str, Any]:
    """The only pod of a manifest with the sensor in it, and what the API server and the scheduler write into it."""
    before, after = directory / "pod.yaml", directory / "injected.yaml"
    before.write_text(manifest)
    command = [sys.executable, "-m", "sensor.cli", "inject", "pod", str(before), "-o", str(after), *IMAGES, *options]
    subprocess.run([*command, "--ingest-url", f"http://{INGEST}:8080"], check=True, timeout=60)
    pod: dict[str, Any] = yaml.safe_load(after.read_text())
    pod["metadata"]["uid"] = UID
    pod["spec"]["nodeName"] = NODE
    return pod


@contextmanager
def running_pod(
    lab: Lab, resolver_image: str, directory: Path, manifest: str, options: Sequence[str], hosts: dict[str, str]
) -> Iterator[Scene]:
    """The pod of a manifest, web-1 of the service account shop/web, injected with these options of the command.

    `hosts` are addresses by name, in the zone of `dns_zone`, that the cluster's resolver knows. Images are called
    `shop:1`.
    """
    pod = injected(manifest, options, directory)
    records = [*(dns_zone.host(name, hosts[name]) for name in hosts), f"--server={DOCKERS_RESOLVER}"]
    command = dns_zone.command(0, ["--listen-address=0.0.0.0", *records])
    dns = start_resolver(lab, resolver_image, [f"--network={lab.network}"], command)
    issuer, now = Issuer(kind="ES256"), int(time.time())
    token = issuer.token(pod_claims(aud=[INGEST], iat=now, nbf=now, exp=now + 3600))
    kept = kubernetes_pod.files(pod, dns.address(lab.network), token)
    with engine_files({**kept, "keys.json": jwks(issuer.public())}) as directory_there:
        ingest = _ingest(lab, f"{directory_there}/keys.json")
        made = KubernetesPod(
            lab.new, lab.network, pod, {"shop:1": BASE, "sensor:1": lab.images.sensor}, directory_there
        )
        try:
            made.start()
            wait_for("the sensor is healthy", lambda: made.probe("fargate-sensor"), 60)
            yield Scene(made, ingest)
        finally:
            made.clear()
            ingest.remove()


def _ingest(lab: Lab, keys: str) -> IngestContainer:
    logins = {
        "INGEST_HOSTS": INGEST,
        "INGEST_KUBERNETES_ISSUERS": ISSUER,
        "INGEST_KUBERNETES_KEYS_FILE": KEYS,
        "INGEST_KUBERNETES_SERVICE_ACCOUNTS": "shop/web",
    }
    ingest = IngestContainer(lab.images.ingest, lab.network, logins, mounted(keys, KEYS, read_only=True))
    lab.containers.append(ingest)
    ingest.start().wait_ready()
    return ingest
