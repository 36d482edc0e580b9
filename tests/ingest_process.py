"""The ingest as a process of its own, for tests that stop or kill it."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from ingest_samples import READ_TOKEN, WRITE_TOKEN

COMMAND = [sys.executable, "-c", "import sys; from ingest.command import main; sys.exit(main(sys.argv[1:]))"]
TOKENS = {"INGEST_WRITE_TOKEN": WRITE_TOKEN, "INGEST_READ_TOKEN": READ_TOKEN}


def environment(**settings: str) -> dict[str, str]:
    """This process's own, with these ingest settings and no others."""
    rest = {key: value for key, value in os.environ.items() if not key.startswith("INGEST_")}
    return rest | settings


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, for as long as it takes to end by itself."""
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(**settings), capture_output=True, text=True, timeout=30, check=False
    )


class Running:
    """An ingest that listens. `lines` is what it logged until then."""

    def __init__(self, directory: Path, given: Mapping[str, str]) -> None:
        settings = {**given, "INGEST_LISTEN": "127.0.0.1:0", "INGEST_DATA_DIR": str(directory)}
        self.process = subprocess.Popen(COMMAND, env=environment(**settings), stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.lines: list[str] = []
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"listening on (http://\S+),", line):
                self.url = found[1]
                return
        raise AssertionError(f"it did not start: {self.lines}")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.communicate(timeout=20)

    def terminate(self) -> tuple[int, str]:
        """Its exit code and the rest of its log, after SIGTERM."""
        self.process.terminate()
        _, rest = self.process.communicate(timeout=20)
        return self.process.returncode, rest


@contextlib.contextmanager
def running(directory: Path, **settings: str) -> Iterator[Running]:
    """An ingest on a port of its own, ended in any case; with tokens for both, unless its settings are given."""
    ingest = Running(directory, settings or TOKENS)
    try:
        yield ingest
    finally:
        if ingest.process.poll() is None:
            ingest.kill()
