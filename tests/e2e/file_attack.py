"""Sixty changes as an attacker in a container makes them, each with the event that must tell of it."""

import json
import subprocess
from typing import NamedTuple

from docker_cli import BASE
from fargate_task import FargateTask
from ingest_container import Event
from lab import Lab

LIBRARIES = "/usr/lib/x86_64-linux-gnu"


class Step(NamedTuple):
    """One statement, the kind of its event (the part after the dot) and the path that is told."""

    kind: str
    path: str
    statement: str


def _steps(kind: str, statement: str, *paths: str) -> list[Step]:
    return [Step(kind, path, statement.replace("PATH", repr(path))) for path in paths]


ATTACK = [
    *_steps("modify", "append(PATH)", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/hosts.allow", "/etc/profile"),
    *_steps("modify", "append(PATH)", "/root/.bashrc", "/root/.profile", "/etc/bash.bashrc", "/etc/environment"),
    *_steps("create", "write(PATH)", "/etc/ld.so.preload", "/etc/sudoers", "/etc/crontab", "/etc/doas.conf"),
    *_steps("create", "os.mkdir(PATH)", "/etc/sudoers.d", "/etc/cron.d", "/etc/ssh", "/root/.ssh", "/root/.aws"),
    *_steps("create", "write(PATH)", "/etc/sudoers.d/evil", "/etc/cron.d/job", "/etc/cron.daily/job"),
    *_steps("create", "write(PATH)", "/etc/ssh/sshd_config", "/etc/ssh/.new", "/root/.ssh/authorized_keys"),
    *_steps("create", "write(PATH)", "/root/.aws/credentials", "/etc/profile.d/evil.sh", "/etc/ld.so.conf.d/evil.conf"),
    Step("rename", "/etc/ssh/sshd_config", "os.rename('/etc/ssh/.new', '/etc/ssh/sshd_config')"),
    *_steps("attributes", "run('chmod', 'u+s', PATH)", "/usr/bin/find", "/usr/bin/bash", "/usr/bin/env"),
    *_steps("attributes", "os.utime(PATH, (1, 1))", "/etc/ld.so.preload", "/etc/cron.d/job"),
    *_steps("create", "run('cp', '/bin/ls', PATH)", "/usr/bin/evil", "/usr/local/bin/pythom", "/dev/shm/.x"),
    *_steps("create", "run('cp', '/bin/ls', PATH)", "/tmp/.X11", "/var/tmp/kworker"),
    *_steps("create", "nested(PATH)", "/dev/shm/.h/.y", "/tmp/.ICE/a/b/payload", "/var/www/html/up/c/shell.php"),
    *_steps(
        "create", "nested(PATH)", "/etc/systemd/system/x.service.d/override.conf", "/home/anna/.ssh/authorized_keys"
    ),
    Step("create", f"{LIBRARIES}/libz.new", f"run('cp', '-L', '{LIBRARIES}/libz.so.1', '{LIBRARIES}/libz.new')"),
    Step("rename", f"{LIBRARIES}/libz.so.1", f"os.rename('{LIBRARIES}/libz.new', '{LIBRARIES}/libz.so.1')"),
    Step("create", f"{LIBRARIES}/libevil.so", f"write('{LIBRARIES}/libevil.so')"),
    Step("create", "/etc/.time", "os.symlink('/etc/passwd', '/etc/.time')"),
    Step("rename", "/etc/localtime", "os.rename('/etc/.time', '/etc/localtime')"),
    Step("delete", "/etc/motd", "os.unlink('/etc/motd')"),
    Step("create", "/etc/motd", "os.symlink('/etc/shadow', '/etc/motd')"),
    Step("rename", "/etc/cron.daily/dpkg.off", "run('mv', '/etc/cron.daily/dpkg', '/etc/cron.daily/dpkg.off')"),
    Step("rename", "/etc/issue", "run('sed', '-i', 's/Debian/evil/', '/etc/issue')"),
    *_steps("delete", "os.unlink(PATH)", "/etc/cron.d/job", "/dev/shm/.x", "/usr/bin/evil", "/etc/debian_version"),
    Step("create", "/etc/ssl/certs/evil.pem", "write('/etc/ssl/certs/evil.pem')"),
    Step("create", "/etc/ld.so.conf.d/linked.conf", "os.link('/etc/ld.so.preload', '/etc/ld.so.conf.d/linked.conf')"),
    Step("modify", "/var/lib/dpkg/status", "append('/var/lib/dpkg/status')"),
    Step("open", "/etc/shadow", "run('cat', '/etc/shadow')"),
]

SCRIPT = """
import json, os, subprocess, sys, time
def write(path):
    with open(path, "w") as file:
        file.write("#evil\\n")
def append(path):
    with open(path, "a") as file:
        file.write("#evil\\n")
def nested(path):
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write("#!/bin/sh")
def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)
while not os.path.exists("/tmp/go"):
    time.sleep(0.01)
time.sleep(3)  # what was prepared would be folded with what follows
write("/etc/begin")
for statement in json.loads(sys.argv[1]):
    try:
        exec(statement)
    except Exception as error:
        print("refused:", statement, error, flush=True)
    time.sleep(0.02)
write("/etc/end")
time.sleep(3600)
"""

PREPARE = """
import os, sys
open("/etc/hosts.allow", "a").close()
for path in ("/var/www/html", "/home/anna", "/etc/systemd/system"):
    os.makedirs(path, exist_ok=True)
for path in sys.argv[1:]:
    while path != "/":
        if os.path.lexists(path):
            os.chown(path, 1000, 1000, follow_symlinks=False)
        path = os.path.dirname(path)
for path in ("/etc/cron.daily/dpkg", "/usr/bin/find", "/usr/bin/bash", "/usr/bin/env", "/etc/shadow"):
    os.chown(path, 1000, 1000)
open("/tmp/go", "w").close()
"""
"""As root in the container: what is there before the attack, and may be changed by uid 1000."""


Changes = set[tuple[str, str]]
"""Kinds (the part after the dot) and paths."""


def run_attack(lab: Lab, task: FargateTask, user: str) -> tuple[Changes, list[str]]:
    """Attack from a container of the task; what was told of it, and what the attacker could not do."""
    statements = json.dumps([step.statement for step in ATTACK])
    command = ["python3", "-u", "-c", SCRIPT, statements]
    app = lab.new("app", BASE, [*task.shared, f"--user={user}"], command).start()
    lab.ingest.wait_for("process.exec", lambda event: event["container"]["id"] == app.id)
    paths = [step.path for step in ATTACK]
    subprocess.run(["docker", "exec", "--user=0", app.id, "python3", "-c", PREPARE, *paths], check=True)

    def is_end(event: Event) -> bool:
        return event["container"]["id"] == app.id and event["file"]["path"] == "/etc/end"

    lab.ingest.wait_for("file.create", is_end, 60)
    told = [event for event in lab.ingest.events() if "file" in event and event["container"]["id"] == app.id]
    begin = next(event["time"] for event in told if event["file"]["path"] == "/etc/begin")
    changes = {(e["kind"].removeprefix("file."), e["file"]["path"]) for e in told if e["time"] >= begin}
    return changes, [line for line in app.logs().splitlines() if line.startswith("refused:")]


def missed(told: Changes) -> list[Step]:
    """The steps of which nothing was told."""
    return [step for step in ATTACK if (step.kind, step.path) not in told]
