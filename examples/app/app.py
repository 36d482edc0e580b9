"""A small web application for compose.yaml: it answers on port 8000 and does, every few seconds, what applications do.

It runs programs, writes files and calls another service. Nothing in it knows of the sensor.
"""

import http.server
import itertools
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.request

PORT = 8000
PAUSE = 5.0  # seconds between two rounds of work


def run_programs(round_number: int) -> None:
    """A pipe in a shell, and every fourth time a program that was copied to /tmp."""
    subprocess.run(["/bin/sh", "-c", "ls /etc | wc -l"], check=True)
    if round_number % 4 == 0:
        subprocess.run(["/bin/sh", "-c", "cp /bin/ls /tmp/x && /tmp/x / && rm /tmp/x"], check=True)


def write_files(round_number: int) -> None:
    """A configuration that is written aside and renamed into place."""
    draft = pathlib.Path("/etc/example.conf.new")
    draft.write_text(f"round = {round_number}\n")
    draft.rename("/etc/example.conf")


def call(peer: str) -> None:
    """One request; a peer that is away is named and tried again in the next round."""
    try:
        with urllib.request.urlopen(peer, timeout=5) as answer:  # noqa: S310  # the address comes from compose.yaml
            print(f"{peer}: {answer.status}", flush=True)
    except OSError as error:
        print(f"{peer}: {error}", flush=True)


def work(peer: str) -> None:
    """Rounds without end."""
    for round_number in itertools.count(1):
        run_programs(round_number)
        write_files(round_number)
        call(peer)
        time.sleep(PAUSE)


class Greeting(http.server.BaseHTTPRequestHandler):
    """Answers every GET with one line."""

    def do_GET(self) -> None:
        """Named as http.server wants it."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")


def main() -> None:
    """Serve, and work beside it, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    server = http.server.ThreadingHTTPServer(("", PORT), Greeting)
    peer = os.environ.get("APP_PEER", f"http://127.0.0.1:{PORT}/")
    threading.Thread(target=work, args=(peer,), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
