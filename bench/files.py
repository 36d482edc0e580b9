"""File changes: an attack, trees, logs, who did it, and the watches that the list takes. Run by `make bench`.

Nothing is asserted. The root of busybox is made of a static busybox, where the machine has one on PATH.
"""

import shutil
import sys
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from cpu_time import SETTLED_S, used_in
from docker_cli import BASE, LABEL, docker, wait_for
from file_attack import ATTACK, missed, run_attack
from file_scenarios import DATA, Verdict, appending, figures, held_by_shells, unpack
from lab import Lab
from parts import measure
from tables import table
from terms import TERMS

BUSYBOX_DIRECTORIES = ("bin", "sbin", "usr/bin", "usr/sbin", "etc/crontabs", "etc/periodic/daily", "lib/apk/db", "root")
BUSYBOX_DIRECTORIES += ("tmp", "var/tmp", "var/spool/cron", "var/www", "home", "run", "etc/ssl/certs", "etc/init.d")


def attack(lab: Lab) -> None:
    """How many of the changes were told with the right kind and path."""
    rows = []
    for terms in TERMS:
        task = lab.task(ptrace=terms.ptrace)
        task.wait_healthy()
        told, refused = run_attack(lab, task, terms.user)
        lacking = [f"{step.kind} {step.path}" for step in missed(told)]
        rows.append((terms.name, str(len(ATTACK) - len(refused)), str(len(ATTACK) - len(lacking)), ", ".join(lacking)))
        task.sensor.remove()
    print(f"\nan attacker's changes\n\n{table(('terms', 'made', 'told', 'missed'), rows)}")


def actor(lab: Lab) -> None:
    """Who is named for a change by a shell that holds the file, beside one who holds all files and writes to none."""
    rows = []
    for terms in TERMS:
        task = lab.task(DATA, ptrace=terms.ptrace)
        task.wait_healthy()
        verdict = held_by_shells(lab, task, terms.user)
        rows.append((terms.name, f"{100 * verdict.share:.0f} %", *_by_evidence(verdict), str(verdict.unnamed)))
        task.sensor.remove()
    head = ("terms", "right", "right, by", "wrong, by", "nobody named")
    print(f"\nshells that hold a file for 50 ms\n\n{table(head, rows)}")


def tree(lab: Lab) -> None:
    """A tree of files, alone and beside one who fills the queue."""
    rows = []
    for flood in (False, True):
        task = lab.task()
        task.wait_healthy()
        with TemporaryDirectory() as folder:
            found = unpack(lab, task, Path(folder), flood=flood)
        wrong = len(found.there ^ found.told)
        rows.append(("beside a flood" if flood else "alone", str(len(found.there)), str(wrong), str(found.overflows)))
        task.sensor.remove()
    print(f"\na tree is unpacked\n\n{table(('', 'files', 'not as told', 'overflows told'), rows)}")


def logs(lab: Lab, seconds: float) -> None:
    """The CPU of one core beside an app that appends to logs, and how many events that makes."""
    rows = []
    for reopens in (False, True):
        task = lab.task(DATA)
        task.wait_healthy()
        appending(lab, task, reopens=reopens)
        time.sleep(SETTLED_S)
        events = len(lab.ingest.events(kind="file.modify"))
        percent = used_in(task.sensor, seconds)
        made = len(lab.ingest.events(kind="file.modify")) - events
        rows.append(("open and close each time" if reopens else "kept open", f"{percent:.2f} %", str(made)))
        task.sensor.remove()
        task.pause.remove()
    print(f"\nappends for {seconds:g} s: 10,000 a second unwatched, 1,000 watched\n")
    print(table(("the watched file", "CPU of one core", "events"), rows))


def watches(lab: Lab) -> None:
    """What the default list takes in a root of Debian and in one of busybox."""
    rows = []
    busybox = shutil.which("busybox")
    roots = {"Debian": (BASE, ["sleep", "3600"])}
    if busybox:
        roots["busybox"] = (_busybox_image(busybox), ["/bin/busybox", "sleep", "3600"])
    task = lab.task()
    task.wait_healthy()
    alone = figures(task)["watches"]
    for name, (image, command) in roots.items():
        app = lab.new("app", image, task.shared, command).start()
        found = wait_for("the app is seen", lambda: (f := figures(task))["watches"] > alone and f)
        rows.append((name, str(found["watches"] - alone), str(found["watches_at_most"])))
        app.remove()
    print(f"\nwatches of the default list\n\n{table(('root', 'used', 'at most, a quarter'), rows)}")
    if busybox is None:
        print("\nwithout busybox: it is not on PATH")
    else:
        docker("image", "rm", f"{LABEL}:busybox")


def _by_evidence(verdict: Verdict) -> tuple[str, str]:
    right, wrong = (", ".join(f"{by} {n}" for by, n in sorted(c.items())) for c in (verdict.right, verdict.wrong))
    return right, wrong or "-"


def _busybox_image(busybox: str) -> str:
    """An image of nothing but a static busybox and the directories of a small distribution."""
    with TemporaryDirectory() as folder:
        root, archive = Path(folder) / "root", Path(folder) / "root.tar"
        for name in BUSYBOX_DIRECTORIES:
            (root / name).mkdir(parents=True)
        shutil.copy(busybox, root / "bin/busybox")
        for name in ("sh", "ls", "cat", "vi", "wget"):
            (root / "bin" / name).symlink_to("busybox")
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "lib/apk/db/installed").touch()
        with tarfile.open(archive, "w") as tar:
            tar.add(root, ".")
        docker("import", str(archive), f"{LABEL}:busybox")
    return f"{LABEL}:busybox"


PARTS = {
    "attack": lambda lab, _: attack(lab),
    "actor": lambda lab, _: actor(lab),
    "tree": lambda lab, _: tree(lab),
    "logs": logs,
    "watches": lambda lab, _: watches(lab),
}

if __name__ == "__main__":
    sys.exit(measure(__doc__, PARTS))
