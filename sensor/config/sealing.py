"""The first stage's end of the handover: what it validated, sealed for the second (`handover.py`)."""

import json
import os
from dataclasses import asdict
from fcntl import F_ADD_SEALS, fcntl
from hashlib import blake2b

from sensor.config.handover import SEALS, Handover
from sensor.config.settings import SECRETS, Settings


def seal(handover: Handover, descriptor: int) -> None:
    """Write it into a memfd that allows seals, from which `take` reads. The digest is made here."""
    made = {"settings": asdict(handover.settings), "digest": digest(handover.settings)}
    _write_all(descriptor, json.dumps(handover._asdict() | made).encode())
    fcntl(descriptor, F_ADD_SEALS, SEALS)


def digest(settings: Settings) -> str:
    """What `Handover.digest` says."""
    public = {name: value for name, value in asdict(settings).items() if name not in SECRETS}
    return blake2b(json.dumps(public, sort_keys=True).encode(), digest_size=8).hexdigest()


def _write_all(descriptor: int, body: bytes) -> None:
    while body:
        body = body[os.write(descriptor, body) :]
