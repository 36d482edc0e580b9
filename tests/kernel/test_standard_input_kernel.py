"""A shell at the other end of a connection is told as one, whoever asks the kernel for it: the cursor, a helper of its
user, or the tracer."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cursor_scene import process_of, watching
from needs import Need
from running import until
from trace_scene import python, say, tracing

from collectors import helper_launcher
from collectors.helpers import Helpers
from collectors.procfs import Procfs
from collectors.standard_input import connection_on
from sensor.model.counters import Counters

pytestmark = pytest.mark.kernel
SHELL = ["/bin/sh", "-s", "from a connection"]
PIPED = ["/bin/sh", "-s", "from a pipe"]


@pytest.fixture
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a TCP connection on the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            yield near, far


@pytest.mark.parametrize(
    ("made", "protocol"),
    [
        ((socket.AF_INET, socket.SOCK_STREAM), b"tcp"),
        ((socket.AF_INET6, socket.SOCK_STREAM), b"tcp"),
        ((socket.AF_INET, socket.SOCK_DGRAM), b"udp"),
        ((socket.AF_UNIX, socket.SOCK_STREAM), b""),
        ((socket.AF_NETLINK, socket.SOCK_RAW), b""),
    ],
)
def test_only_a_socket_of_the_internet_is_a_connection(need: Need, made: tuple[int, int], protocol: bytes) -> None:
    need(made[0] != socket.AF_INET6 or socket.has_ipv6, "IPv6")
    with socket.socket(*made) as one:
        assert connection_on(b"/proc/self/fd/%d" % one.fileno()) == protocol


def test_what_is_no_socket_is_none(tmp_path: Path) -> None:
    forged = tmp_path / "socket:[1]"
    forged.touch()
    reading, writing = os.pipe()
    opened = [reading, writing, *(os.open(path, os.O_RDONLY) for path in ("/dev/null", forged, tmp_path))]
    links = [b"/proc/self/fd/%d" % fd for fd in opened]
    assert set(map(connection_on, links)) == {b""}
    for fd in opened:
        os.close(fd)
    assert set(map(connection_on, links)) == {b""}


async def test_the_cursor_tells_it_of_a_shell_and_of_no_other(connected: tuple[socket.socket, socket.socket]) -> None:
    near, far = connected
    async with watching() as watched:
        with subprocess.Popen(SHELL, stdin=near), subprocess.Popen(PIPED, stdin=subprocess.PIPE) as piped:
            (event,) = await until(lambda: watched.execs(*SHELL), "the shell")
            assert process_of(event).stdin == "tcp"
            (event,) = await until(lambda: watched.execs(*PIPED), "the other shell")
            assert process_of(event).stdin is None
            far.sendall(b"sleep 0.2; exit\n")
            (event,) = await until(lambda: watched.execs("sleep", "0.2"), "what it was told to run")
            assert process_of(event).stdin == "tcp"
            piped.communicate()


def test_a_helper_tells_it_of_its_users_processes(need: Need, connected: tuple[socket.socket, socket.socket]) -> None:
    need(os.getuid() == 0, "root, to become another uid")
    near, far = connected
    with (
        closing(Helpers(helper_launcher.start(), Counters())) as helpers,
        subprocess.Popen(["/bin/cat"], stdin=near, user=12345, group=12346, extra_groups=[]) as app,  # there by now
    ):
        links = helpers.links((12345, 12346), app.pid, Procfs().stat(app.pid).start_ticks)
        assert (os.path.basename(links.exe), links.stdin) == (b"cat", b"tcp")
        far.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("may_trace")
async def test_the_tracer_tells_it(connected: tuple[socket.socket, socket.socket]) -> None:
    near, far = connected
    async with tracing() as traced:
        code = f"import subprocess\nsubprocess.run({SHELL}, stdin={near.fileno()}, check=True)"
        app = await traced.start(python(code), pass_fds=[near.fileno()])
        say(app, "\n")
        (event,) = await until(lambda: traced.execs(*SHELL), "the shell")
        assert event.evidence.source == "trace"
        assert process_of(event).stdin == "tcp"
        far.sendall(b"exit\n")
        await until(lambda: app.poll() == 0, "its end")
