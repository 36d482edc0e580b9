"""The demo where there is no Linux /proc, as on a Mac: the compose file of the checkout, in containers."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

COMPOSE_FILE = Path(__file__).parents[2] / "compose.yaml"
CONSOLE = "http://127.0.0.1:8080"


def run(run_for: float | None, compose_file: Path = COMPOSE_FILE) -> int:
    """`docker compose up` until Ctrl-C or for `run_for` seconds, then `down`; its exit code, or 1 without Docker."""
    sys.stderr.write("fargate-sensor demo: there is no Linux /proc here, so it runs in containers\n")
    docker = shutil.which("docker")
    if docker is None or not compose_file.exists():
        lacking = "docker" if docker is None else "the compose.yaml of a checkout"
        sys.stderr.write(f"fargate-sensor demo: needs {lacking}; `docker compose up` in a checkout does the same\n")
        return 1
    command = [docker, "compose", "--file", str(compose_file)]
    tokens = {f"INGEST_{right}_TOKEN": secrets.token_urlsafe(24) for right in ("WRITE", "READ")}
    environ = os.environ | tokens
    sys.stdout.write(f"console: {CONSOLE}/#token={tokens['INGEST_READ_TOKEN']}\n")
    sys.stdout.flush()
    try:
        return _call([*command, "up", "--build"], environ, run_for)
    except subprocess.TimeoutExpired:
        return 0
    finally:
        _call([*command, "down"], environ, None)


def _call(command: list[str], environ: Mapping[str, str], within: float | None) -> int:
    return subprocess.run(command, env=environ, timeout=within, check=False).returncode  # noqa: S603 - the user's docker
