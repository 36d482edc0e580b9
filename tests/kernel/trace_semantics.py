"""What signals, stops, job control, waits and privileges do here: a program that prints it, with a tracer or without.

Nothing that it prints depends on time, on PIDs, or on the order of what runs at once.
"""

import ctypes
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

NOBODY = 65534
PATIENCE_S = 20.0


def say(*what):
    print(*what, flush=True)


def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def ends():
    """The wait status of a child for each way to end."""
    say("exit", [os.waitpid(child(lambda n=n: os._exit(n)), 0)[1] for n in (0, 1, 42, 255)])
    fatal = [n for n in range(1, 32) if n not in (2, 13, 17, 18, 19, 20, 21, 22, 23, 25, 28)]  # Python minds three
    found = []
    for number in fatal:
        if signal.getsignal(number) is signal.SIG_IGN:  # inherited, as from nohup
            signal.signal(number, signal.SIG_DFL)
        pid = child(lambda: time.sleep(100))
        os.kill(pid, number)
        status = os.waitpid(pid, 0)[1]
        found.append((number, os.WIFSIGNALED(status) and os.WTERMSIG(status), os.WIFEXITED(status)))
    say("killed", found)


def queued():
    """Real-time signals keep their order, number and sender; a blocked one arrives once."""
    numbers = {signal.SIGRTMIN, signal.SIGRTMIN + 1, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    for number in (signal.SIGRTMIN + 1, signal.SIGRTMIN, signal.SIGRTMIN, signal.SIGUSR1, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    found = [signal.sigtimedwait(numbers, 0) for _ in range(6)]
    say("queued", [f and (f.si_signo, f.si_code, f.si_pid == os.getpid(), f.si_uid) for f in found])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    handled = []
    signal.signal(signal.SIGUSR2, lambda number, _: handled.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR2):
        os.kill(os.getpid(), number)
    say("handled", handled)


def stops(threads):
    """A stopped child is reported once as stopped, once as continued, and a killed one as killed."""

    def work():
        for _ in range(threads):
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
        time.sleep(100)

    found = []
    pid = in_group_of_its_own(child(work))
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN):
        os.kill(pid, number)
        status = os.waitpid(pid, os.WUNTRACED)[1]
        found.append((os.WIFSTOPPED(status), os.WSTOPSIG(status)))
        found.append(os.waitpid(pid, os.WNOHANG | os.WUNTRACED))
        found.append(state(pid))
        os.kill(pid, signal.SIGCONT)
        found.append(os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1]))
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    os.kill(pid, signal.SIGUSR1)  # waits until it continues
    found.append(os.waitpid(pid, os.WNOHANG))
    os.kill(pid, signal.SIGCONT)
    found.append(os.waitpid(pid, 0)[1])
    pid = child(work)
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    os.kill(pid, signal.SIGKILL)
    found.append(os.waitpid(pid, 0)[1])
    say("stopped", threads, found)


def in_group_of_its_own(pid):
    """What has no parent in another group of its session is not stopped by a terminal's signals."""
    os.setpgid(pid, pid)
    return pid


def state(pid):
    """T and t are the same to who is not the tracer: the kernel calls a traced one's stop by another letter."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0].upper()


def spawned_while_stopped():
    """A child that stops itself between fork and exec, and a program that stops itself."""
    script = "kill -STOP $$; echo went on; kill -TERM $$"
    with subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True) as shell:
        status = os.waitpid(shell.pid, os.WUNTRACED)[1]
        os.kill(shell.pid, signal.SIGCONT)
        say("self", os.WSTOPSIG(status), shell.stdout.read(), shell.wait())
    pid = child(lambda: (os.kill(os.getpid(), signal.SIGSTOP), os.execv("/bin/sh", ["sh", "-c", "exit 7"])))
    status = os.waitpid(pid, os.WUNTRACED)[1]
    os.kill(pid, signal.SIGCONT)
    say("before exec", os.WSTOPSIG(status), os.waitpid(pid, 0)[1])


def interrupted():
    """A handler interrupts what waits, and what waits goes on after a stop."""
    reading, writing = os.pipe()

    def work():
        signal.signal(signal.SIGUSR1, lambda *_: os.write(writing, b"handled "))
        os.write(writing, b"ready ")
        signal.pause()
        os.write(writing, b"after pause ")
        time.sleep(0.3)
        os.write(writing, b"after sleep ")

    pid = child(work)
    found = os.read(reading, 6)
    os.kill(pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    os.kill(pid, signal.SIGCONT)
    while b"after pause" not in found:
        os.kill(pid, signal.SIGUSR1)  # again: one that came right before pause() does not end it
        if select.select([reading], [], [], 0.1)[0]:
            found += os.read(reading, 100)
    status = os.waitpid(pid, 0)[1]
    os.close(writing)
    while more := os.read(reading, 100):
        found += more
    say("interrupted", sorted(set(found.decode().split())), status)


def nobody_waits():
    """Ignored SIGCHLD: children are reaped by themselves, and there is nobody to wait for."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    pid = child(lambda: None)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError as error:
        say("nobody", error.errno)
    signal.signal(signal.SIGCHLD, before)


def job_control():
    """An interactive shell on a terminal: stop with ^Z, list, continue, end with ^C, read in the background."""
    shell, terminal = pty.fork()
    if shell == 0:
        os.environ.update(PS1="$ ", ENV="", TERM="dumb")
        os.execvp("/bin/sh", ["sh", "-i"])
    steps = [
        ("echo re''ady", "ready"), ("exec 2>&1", "$ "), ("sh -c 'echo is the\"\"re; exec cat'", "is there"),
        ("\x1a", "$ "), ("jobs", "cat"), ("bg", "cat"),
        ("echo still' 'here", "still here"), ("jobs", "cat"), ("fg", "cat"), ("typed", "typed"), ("\x03", "$ "),
        ("echo code $?", "code"), ("sh -c 'kill -STOP $$; echo on'", "$ "), ("fg", "on"), ("echo en''d", "end"),
    ]  # fmt: skip
    shown = []
    for typed, expected in steps:
        os.write(terminal, typed.encode() + (b"" if typed in "\x1a\x03" else b"\n"))
        shown.append(read_until(terminal, expected))
    os.write(terminal, b"exit 3\n")
    status = os.waitpid(shell, 0)[1]
    found = re.findall(r"Stopped|Running|Done|still here|typed|code \d+|\bon\b", " ".join(shown))
    say("jobs", sorted(set(found)), os.waitstatus_to_exitcode(status))


def read_until(terminal, expected):
    """What the terminal shows up to the text, of which the echo of a command has no copy."""
    shown, end = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            shown += os.read(terminal, 4096).decode(errors="replace")
        if expected in shown and not ready:
            return shown
    return shown + f"<no {expected!r}>"


def privileges():
    """A setuid program gets its user, unless no_new_privs is set; a seccomp filter holds in what is executed."""
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        program = shutil.copy(shutil.which("id"), f"{directory}/id")
        os.chmod(program, 0o4755)
        for no_new_privs in (0, 1):
            found = subprocess.run(
                [program, "-u"], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
                preexec_fn=lambda wanted=no_new_privs: prctl(38, wanted) if wanted else None,
            )  # fmt: skip
            say("setuid", no_new_privs, found.stdout.strip(), found.returncode)
    found = subprocess.run(
        ["/bin/sh", "-c", "cd / 2>/dev/null; echo $?; exec true"], capture_output=True, text=True,
        preexec_fn=lambda: refuse_chdir(),
    )  # fmt: skip
    say("seccomp", found.stdout.split(), found.returncode)


def prctl(option, *values):
    arguments = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in values]
    arguments += [ctypes.c_ulong(0)] * (4 - len(arguments))
    assert ctypes.CDLL(None, use_errno=True).prctl(option, *arguments) == 0


def refuse_chdir():
    """A classic BPF filter: chdir(2) fails with EPERM, all else is allowed."""
    number = {"x86_64": 80, "aarch64": 49}[os.uname().machine]
    rules = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 1), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(rules), ctypes.addressof(code)))
    prctl(38, 1)
    prctl(22, 2, ctypes.byref(program))


ends()
queued()
stops(0)
stops(3)
spawned_while_stopped()
interrupted()
nobody_waits()
job_control()
privileges()
