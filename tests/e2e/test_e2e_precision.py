"""What opens programs without running them is told as nothing: the worst mistake would be an exec that never was."""

from collections import Counter

from short_processes import UNFOLDED, execs, program, shell, unexplained, wait_over

READS = "sleep 1; sha256sum /usr/bin/* >/dev/null; ls -l /usr/bin >/dev/null; find / -xdev >/dev/null; sleep 0.2; true"
BACKUP = "sleep 1; tar -cf - /usr/bin /usr/sbin 2>/dev/null | cat >/dev/null; sleep 0.2; true"

THREADS = """
import os, threading, time
time.sleep(1)
for entry in sorted(os.scandir("/usr/bin"), key=lambda entry: entry.name)[:150]:
    if entry.is_file():
        with open(entry.path, "rb") as program:
            program.read(4096)
    threading.Thread(target=int).start()
    time.sleep(0.01)
time.sleep(0.5)
"""


def test_reading_every_program_is_no_exec(lab, ingest):
    task = lab.task(UNFOLDED)
    task.wait_healthy()

    reads = shell(lab, task, READS)
    wait_over(ingest, reads)
    backup = shell(lab, task, BACKUP)
    wait_over(ingest, backup)

    assert Counter(map(program, execs(ingest, reads))) == Counter(["dash", "sleep", "sha256sum", "ls", "find", "sleep"])
    assert Counter(map(program, execs(ingest, backup))) == Counter(["dash", "sleep", "tar", "cat", "sleep"])
    assert unexplained(task, ingest) < 100


def test_short_threads_beside_opens_are_no_exec(lab, ingest):
    """One unread number, one open: only that the loader opens its cache in between tells an exec apart."""
    task = lab.task(UNFOLDED)
    task.wait_healthy()

    app = task.app(THREADS)

    wait_over(ingest, app)
    assert not [event for event in execs(ingest, app) if not program(event).startswith("python")]
