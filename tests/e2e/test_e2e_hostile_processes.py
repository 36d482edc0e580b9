"""Processes that try to be unseen, misread, or too many."""

from docker_cli import BASE, wait_for
from short_processes import execs, program, ran, shell, unexplained, wait_over

NAME = "/tmp/a\nb) R 1 (c"
NAMED = f"""
import shutil, subprocess, time
time.sleep(1)
shutil.copy("/bin/sleep", {NAME!r})
subprocess.run([{NAME!r}, "0.271"])
subprocess.run(["sh", "-c", "sleep 0.272; true", "x" * 102400])
subprocess.run(["sh", "-c", "sleep 0.273; true", b"\\xff\\xfe"])
time.sleep(0.5)
"""
FAILED = 300
LIMITED = f"""
import os, time
time.sleep(1)
children = []
try:
    while True:
        if (pid := os.fork()) == 0:
            time.sleep(3600)
        children.append(pid)
except BlockingIOError:
    print("full", flush=True)
for _ in range({FAILED}):
    try:
        os.fork()
    except BlockingIOError:
        time.sleep(0.005)
time.sleep(0.5)
for child in children:
    os.kill(child, 9)
"""
HIDDEN = "umount -l /proc && mount -t tmpfs none /proc && echo 0.00 0.00 0.00 1/1 1 >/proc/loadavg && exec sleep 0.275"


def test_names_and_arguments_made_to_be_misread_are_told_as_they_are(lab, ingest):
    task = lab.task()
    task.wait_healthy()

    app = task.app(NAMED)

    wait_over(ingest, app)
    told = execs(ingest, app)
    (named,) = [event for event in told if event["process"].get("args", [])[1:] == ["0.271"]]
    assert named["process"]["exe"] == NAME
    assert [ancestor["entity"] for ancestor in named["process"]["ancestors"]], "its parent was found behind its name"
    (long,) = [event for event in told if event["process"].get("args", [])[1:3] == ["-c", "sleep 0.272; true"]]
    assert "process.args" in long["evidence"]["truncated"]
    assert ["sh", "-c", "sleep 0.273; true", "\\xff\\xfe"] in [event["process"].get("args") for event in told]


def test_forks_that_fail_are_unexplained_and_no_exec(lab, ingest):
    task = lab.task()
    task.wait_healthy()

    app = lab.new("app", BASE, [*task.shared, "--pids-limit=20"], ["python3", "-u", "-c", LIMITED]).start()

    wait_over(ingest, app)
    assert "full" in app.logs()
    assert not [event for event in execs(ingest, app) if not program(event).startswith("python")]
    assert unexplained(task, ingest) >= 0.9 * FAILED


def test_a_process_without_the_tasks_proc_is_seen(lab, ingest, need):
    task = lab.task()
    task.wait_healthy()
    options = ["--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]

    app = shell(lab, task, f"unshare --mount sh -c '{HIDDEN}'", *options)

    app.wait_stopped()
    need(app.exit_code() == 0, f"a container that may mount: {app.logs()}")
    ingest.wait_for("process.exec", ran("sleep", "0.275"))


def test_a_container_that_starts_again_is_watched_again(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = shell(lab, task, "sleep 0.276; sleep 1; true")
    wait_over(ingest, app)

    app.start()

    app.wait_stopped()
    wait_for("its second end is told", lambda: len(of_container(ingest, "container.stop", app)) == 2)
    assert len(of_container(ingest, "container.start", app)) == 2
    again = filter(ran("sleep", "0.276"), execs(ingest, app))
    assert len({event["process"]["entity"] for event in again}) == 2


def of_container(ingest, kind, app):
    """The events of a kind in the app's container."""
    return [event for event in ingest.events(kind=kind) if event["container"]["id"] == app.id]
