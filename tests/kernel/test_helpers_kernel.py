"""Helper processes for foreign uids, on the real kernel: what root may not read, a child of the right uid may."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from time import monotonic, sleep

import pytest
from fakes import FakeClock
from needs import Need

from collectors import helper_launcher
from collectors import helper_wire as wire
from collectors.helper_process import serve
from collectors.helpers import FORGET_S, HANGS_TOLERATED, PAUSE_S, Helpers
from collectors.launcher_link import ANEW_S
from collectors.procfs import Procfs
from collectors.rootfs import held
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied, ProcessGone

pytestmark = pytest.mark.kernel
UID, GID = 12345, 12346


@pytest.fixture
def time() -> FakeClock:
    return FakeClock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def helpers(need: Need, counters: Counters, time: FakeClock) -> Iterator[Helpers]:
    need(os.getuid() == 0, "root, to become another uid")
    found = Helpers(helper_launcher.start(), counters, time)
    yield found
    found.close()


@pytest.fixture
def app() -> Iterator[subprocess.Popen[bytes]]:
    """A process of another uid with a socket and an open file; says so on its standard output when it is ready."""
    code = "import os,socket,sys; s=socket.socket(); f=open('/etc/hostname'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["/usr/bin/env", "python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=UID, group=GID,
        extra_groups=[], cwd="/tmp", env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def ticks(pid: int) -> int:
    return Procfs().stat(pid).start_ticks


def test_gated_facts_are_read_as_the_other_uid(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    who, pid, start = (UID, GID), app.pid, ticks(app.pid)
    exe, cwd, stdin = helpers.links(who, pid, start)
    assert os.path.basename(exe).startswith(b"python")
    assert (cwd, stdin) == (b"/tmp", b"")
    look = helpers.sockets(who, pid, start, 1, 100)
    assert (len(look.inodes), look.links) == (1, 5)
    file = os.stat("/etc/hostname")
    assert helpers.holds(who, pid, start, file.st_dev, file.st_ino)
    assert not helpers.holds(who, pid, start, file.st_dev, file.st_ino + 1)


def test_the_descriptors_of_a_file_come_back_with_how_far_they_are(
    helpers: Helpers, app: subprocess.Popen[bytes]
) -> None:
    file = os.stat("/etc/hostname")
    (found,) = helpers.openings((UID, GID), app.pid, ticks(app.pid), file.st_dev, file.st_ino)
    assert found.flags & os.O_ACCMODE == os.O_RDONLY
    assert (found.position, found.size) == (0, file.st_size)
    assert found.written > 0, "it has said that it is ready"
    assert helpers.openings((UID, GID), app.pid, ticks(app.pid), file.st_dev, file.st_ino + 1) == []


def test_the_root_comes_back_as_a_descriptor(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    fd = helpers.descriptor((UID, GID), wire.ROOT, app.pid, ticks(app.pid))
    try:
        assert os.stat("etc", dir_fd=fd).st_ino == os.stat("/etc").st_ino
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.read(fd, 1)  # O_PATH: good for nothing but paths
    finally:
        os.close(fd)


def test_a_reused_pid_is_gone(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    with pytest.raises(ProcessGone):
        helpers.links((UID, GID), app.pid, ticks(app.pid) + 1)


def test_a_helper_may_not_read_what_its_uid_may_not(helpers: Helpers) -> None:
    with pytest.raises(AccessDenied):
        helpers.links((UID, GID), os.getpid(), ticks(os.getpid()))


def test_a_helper_has_no_rights_left(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    helpers.links((UID, GID), app.pid, ticks(app.pid))
    pids = [pid for pid in Procfs().pids() if _is_helper(pid)]
    assert pids
    for pid in pids:
        status = Procfs().read(f"{pid}/status").decode()
        assert "\nCapEff:\t0000000000000000\n" in status
        assert f"\nUid:\t{UID}\t{UID}\t{UID}\t{UID}\n" in status


def test_a_dead_helper_is_replaced_and_one_that_keeps_dying_only_after_a_pause(
    helpers: Helpers, app: subprocess.Popen[bytes], counters: Counters, time: FakeClock
) -> None:
    start = ticks(app.pid)
    for _ in range(HANGS_TOLERATED):
        helpers.links((UID, GID), app.pid, start)
        _end_helpers(signal.SIGKILL)
        with pytest.raises(AccessDenied):
            helpers.links((UID, GID), app.pid, start)
    with pytest.raises(AccessDenied, match="keep hanging or dying"):
        helpers.links((UID, GID), app.pid, start)
    assert counters.losses == {"helper_lost": HANGS_TOLERATED}
    time.advance(PAUSE_S)
    assert helpers.links((UID, GID), app.pid, start)


def test_after_good_answers_for_a_while_one_that_died_long_ago_counts_no_more(
    helpers: Helpers, app: subprocess.Popen[bytes], time: FakeClock
) -> None:
    start = ticks(app.pid)
    for _ in range(2 * HANGS_TOLERATED):
        helpers.links((UID, GID), app.pid, start)
        _end_helpers(signal.SIGKILL)
        with pytest.raises(AccessDenied, match=r"has ended|did not answer"):
            helpers.links((UID, GID), app.pid, start)
        time.advance(FORGET_S)
        assert helpers.links((UID, GID), app.pid, start)


def test_an_app_of_the_same_uid_can_neither_read_nor_steer_its_helper(
    helpers: Helpers, app: subprocess.Popen[bytes]
) -> None:
    helpers.links((UID, GID), app.pid, ticks(app.pid))
    (helper, *_) = [pid for pid in Procfs().pids() if _is_helper(pid)]
    for name in ("environ", "mem", "root/etc", "fd", "maps"):
        code = f"import os; os.close(os.open('/proc/{helper}/{name}', os.O_RDONLY))"
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", code],
            user=UID, group=GID, extra_groups=[], cwd="/", capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert "PermissionError" in done.stderr, (name, done)


def test_a_launcher_that_is_late_is_asked_again_and_its_late_answer_is_not_taken_for_another(
    helpers: Helpers, app: subprocess.Popen[bytes], counters: Counters, time: FakeClock
) -> None:
    start, launcher = ticks(app.pid), _launcher()
    os.kill(launcher, signal.SIGSTOP)
    with pytest.raises(AccessDenied, match="does not answer"):
        helpers.links((UID + 1, GID), app.pid, start)
    os.kill(launcher, signal.SIGCONT)
    with pytest.raises(AccessDenied, match="does not answer"):
        helpers.links((UID + 1, GID), app.pid, start)
    assert helpers.links((UID, GID), app.pid, start), "its answer for the other uid came first"
    time.advance(PAUSE_S)
    with pytest.raises(AccessDenied, match=f"asked as uid {UID + 1}"):
        helpers.links((UID + 1, GID), app.pid, start)
    assert counters.losses == {"helper_lost": 1}


def test_helpers_outlive_their_launcher(helpers: Helpers, app: subprocess.Popen[bytes], counters: Counters) -> None:
    start = ticks(app.pid)
    helpers.links((UID, GID), app.pid, start)
    os.kill(_launcher(), signal.SIGKILL)
    assert helpers.links((UID, GID), app.pid, start)
    with pytest.raises(AccessDenied, match="launcher of helpers has ended"):
        helpers.links((UID + 1, GID), app.pid, start)
    assert helpers.links((UID, GID), app.pid, start)
    assert counters.losses == {"helper_lost": 1}


def test_a_launcher_that_was_killed_is_replaced_at_most_once_a_minute(
    helpers: Helpers, app: subprocess.Popen[bytes], counters: Counters, time: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ticks(app.pid)
    monkeypatch.setenv("A_TOKEN", "s3cret")
    os.kill(_launcher(), signal.SIGKILL)
    with pytest.raises(AccessDenied, match="has ended, another is started"):
        helpers.links((UID, GID), app.pid, start)
    assert _link_soon(helpers, app.pid), "no pause for who asked meanwhile"

    second = _started_anew()
    assert b"A_TOKEN" not in Procfs().read(f"{second}/environ")
    assert counters.losses == {"helper_lost": 1}

    os.kill(second, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(AccessDenied, match="has ended"):
            helpers.links((UID + 1, GID), app.pid, start)
    assert counters.losses == {"helper_lost": 2}
    assert helpers.links((UID, GID), app.pid, start), "its helpers live on"

    time.advance(ANEW_S)
    with pytest.raises(AccessDenied, match="being started again"):
        helpers.links((UID + 1, GID), app.pid, start)
    third = _started_anew()
    assert third != second
    helpers.close()
    assert not os.path.exists(f"/proc/{third}"), "it was waited for"


def test_what_a_helper_passes_on_is_inherited_by_nobody(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    """Not by the next launcher: a container's root would stay busy, and a helper not hear that its socket is closed."""
    before = _inherited()
    with held(helpers.descriptor((UID, GID), wire.ROOT, app.pid, ticks(app.pid))):
        assert _inherited() == before


def test_a_launcher_that_was_replaced_makes_tracers_too(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    os.kill(_launcher(), signal.SIGKILL)
    with pytest.raises(AccessDenied, match="has ended, another is started"):
        helpers.start_tracer()
    assert _link_soon(helpers, app.pid)
    tracer, end = helpers.start_tracer(), monotonic() + 30
    tracer.ping(7)
    while (pulse := tracer.pulse()) is None:
        assert monotonic() < end
        sleep(0.01)
    assert pulse.number == 7
    tracer.close()


def test_a_new_launcher_that_is_stopped_before_it_is_there_is_given_up(
    helpers: Helpers, app: subprocess.Popen[bytes], counters: Counters, time: FakeClock
) -> None:
    os.kill(_launcher(), signal.SIGKILL)
    with pytest.raises(AccessDenied, match="has ended, another is started"):
        helpers.links((UID, GID), app.pid, ticks(app.pid))
    os.kill(_started_anew(), signal.SIGSTOP)
    with pytest.raises(AccessDenied, match="being started again"):
        helpers.links((UID, GID), app.pid, ticks(app.pid))
    time.advance(ANEW_S)
    with pytest.raises(AccessDenied, match="has ended, another is started"):
        helpers.links((UID, GID), app.pid, ticks(app.pid))
    assert counters.losses == {"helper_lost": 2}
    assert _link_soon(helpers, app.pid)


def test_a_helper_that_hangs_costs_one_deadline(helpers: Helpers, app: subprocess.Popen[bytes]) -> None:
    start = ticks(app.pid)
    helpers.links((UID, GID), app.pid, start)
    _end_helpers(signal.SIGSTOP)
    with pytest.raises(AccessDenied, match="did not answer"):
        helpers.links((UID, GID), app.pid, start)
    assert helpers.links((UID, GID), app.pid, start)  # a new one


def test_without_a_launcher_the_refusal_says_so() -> None:
    with pytest.raises(AccessDenied, match="no launcher for helpers: none can do more than the sensor"):
        Helpers(None, Counters()).links((UID, GID), 1, 1)


def test_only_the_fixed_questions_are_answered() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        serve(theirs, Procfs())
        os._exit(0)
    theirs.close()
    ours.settimeout(10)
    ours.send(wire.QUESTION.pack(b"?", os.getpid(), ticks(os.getpid()), 0, 0))
    assert ours.recv(100)[:1] != wire.OK
    ours.close()
    assert os.waitpid(pid, 0)[1] == 0


def _is_helper(pid: int) -> bool:
    try:
        return Procfs().credentials(pid).uid == UID and b"pytest" in Procfs().read(f"{pid}/cmdline")
    except ProcessGone:
        return False


def _end_helpers(number: int) -> None:
    for pid in Procfs().pids():
        if _is_helper(pid):
            os.kill(pid, number)


def _launcher() -> int:
    """The child that was forked last: our newest one that is no helper."""
    children = Procfs().read(f"{os.getpid()}/task/{os.getpid()}/children").split()
    return max(int(pid) for pid in children if b"pytest" in Procfs().read(f"{int(pid)}/cmdline"))


def _inherited() -> bytes:
    """The descriptors that a program has which we start as we start a launcher."""
    return subprocess.check_output(["ls", "/proc/self/fd"], close_fds=False)


def _started_anew() -> int:
    """The child that is a launcher and no fork of us, once its exec is done."""
    end = monotonic() + 30
    while monotonic() < end:
        for pid in map(int, Procfs().read(f"{os.getpid()}/task/{os.getpid()}/children").split()):
            if b"collectors.helper_launcher" in Procfs().read(f"{pid}/cmdline"):
                return pid
    raise AssertionError("no launcher was started anew")


def _link_soon(helpers: Helpers, pid: int) -> bytes:
    """The answer, once a launcher is there again."""
    end = monotonic() + 30
    while True:
        try:
            return helpers.links((UID, GID), pid, ticks(pid))
        except AccessDenied as error:
            if "being started again" not in str(error) or monotonic() > end:
                raise
            sleep(0.01)


ROOT, SYS_PTRACE = b"Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n", 1 << 19


@pytest.mark.parametrize(
    ("status", "needed"),
    [
        (ROOT + b"CapEff:\t%016x\n" % 0xA80425FB, True),
        (ROOT + b"CapEff:\t%016x\n" % (0xA80425FB | SYS_PTRACE), False),
        (ROOT, True),
        (ROOT.replace(b"0", b"1000") + b"CapEff:\t0000000000000000\n", False),
    ],
)
def test_a_launcher_is_needed_by_root_without_sys_ptrace(status: bytes, needed: bool) -> None:
    assert helper_launcher.is_needed(status) is needed
