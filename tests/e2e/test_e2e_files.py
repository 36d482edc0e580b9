"""File changes in containers, on the terms of ECS (SYS_PTRACE) and of EKS (without it, the app as uid 1000)."""

import pytest
from docker_cli import docker
from file_attack import missed, run_attack
from file_scenarios import DATA, FILES, figures, held_by_shells, unpack
from short_processes import ran

TERMS = [pytest.param(True, "0", id="ecs"), pytest.param(False, "1000", id="eks")]

DROPPED = """
import os, subprocess, time
with open("/tmp/first", "w") as script:
    script.write("#!/bin/sh")
while not os.path.exists("/tmp/go"):
    time.sleep(0.01)
subprocess.run("cp /bin/sleep /tmp/x && /tmp/x 0.271 && mv /tmp/x /tmp/y && /tmp/y 0.272; true", shell=True, check=True)
with open("/tmp/script", "w") as script:
    script.write("#!/bin/sh\\nsleep 0.273")
os.chmod("/tmp/script", 0o755)
subprocess.run(["/tmp/script"], check=True)
subprocess.run(["sh", "-c", "cp /bin/sleep /tmp/z; /tmp/z 0.274 & sleep 0.1; rm /tmp/z; wait"], check=True)
time.sleep(3600)
"""


@pytest.mark.parametrize(("ptrace", "user"), TERMS)
def test_sixty_changes_of_an_attacker_are_told_with_kind_and_path(lab, ingest, ptrace, user):
    task = lab.task(ptrace=ptrace)
    task.wait_healthy()

    told, refused = run_attack(lab, task, user)

    assert refused == []
    assert missed(told) == []


@pytest.mark.parametrize(("ptrace", "user"), TERMS)
def test_a_run_is_linked_to_the_event_that_brought_its_program(lab, ingest, ptrace, user):
    task = lab.task(ptrace=ptrace)
    task.wait_healthy()
    app = task.app(DROPPED, user=user)
    ingest.wait_for("file.create", lambda event: event["file"]["path"] == "/tmp/first")  # so /tmp is watched
    assert app.execute("touch", "/tmp/go").returncode == 0
    ingest.wait_for("process.exec", ran("/tmp/z", "0.274"))
    ingest.wait_for("file.delete", lambda event: event["file"]["path"] == "/tmp/z")  # with all that befell files before

    def linked(event):
        return {link["relation"]: by_id[link["event"]] for link in event.get("links", ())}

    by_id = {event["id"]: event for event in ingest.events()}
    execs = {event["process"].get("exe", ""): event for event in by_id.values() if event["kind"] == "process.exec"}

    def brought_by(run, path):
        """The event that the run names, or else the one of its file that names the run: which was told first varies."""
        named = linked(run).get("brought_by") or next(e for e in by_id.values() if linked(e).get("ran_as") == run)
        assert path in (named["file"]["path"], named["file"].get("old_path"))
        return named

    brought = brought_by(execs["/tmp/x"], "/tmp/x")
    digest = docker("exec", app.id, "sha256sum", "/bin/sleep").split()[0]
    assert brought["container"]["id"] == app.id
    assert (brought["file"]["drift"], brought["file"].get("sha256")) == (True, digest)
    renamed = linked(execs["/tmp/y"])
    assert renamed["brought_by"]["file"]["path"] in ("/tmp/x", "/tmp/y")
    assert renamed.get("changed_by", renamed["brought_by"])["kind"] == "file.rename"
    interpreted = [e for e in by_id.values() if e["kind"] == "process.exec" and "args" in e["process"]]
    script = next(e for e in interpreted if e["process"]["args"][1:2] == ["/tmp/script"])
    files = [e for e in by_id.values() if "file" in e and e["file"]["path"] == "/tmp/script"]
    assert "brought_by" in linked(script) or script in [linked(file).get("ran_as") for file in files]
    deleted = next(e for exe, e in execs.items() if exe.startswith("/tmp/z"))
    assert brought_by(deleted, "/tmp/z")


@pytest.mark.parametrize(("ptrace", "user"), TERMS)
def test_a_shell_that_holds_the_file_is_named_and_never_another_by_its_descriptor(lab, ingest, ptrace, user):
    task = lab.task(DATA, ptrace=ptrace)
    task.wait_healthy()

    verdict = held_by_shells(lab, task, user)

    assert verdict.wrong["descriptor"] == 0
    assert verdict.share >= 0.8, verdict  # bench/files.py holds the bar


@pytest.mark.parametrize("flood", [False, True], ids=["alone", "beside_a_flood"])
def test_a_tree_of_5000_files_is_told_whole(lab, ingest, tmp_path, flood):
    task = lab.task()
    task.wait_healthy()

    unpacked = unpack(lab, task, tmp_path, flood=flood)

    assert len(unpacked.there) == FILES
    assert unpacked.told == unpacked.there
    assert bool(unpacked.overflows) == flood or not flood


def test_the_watches_are_counted_and_within_a_quarter(lab, ingest):
    task = lab.task({"SENSOR_HEARTBEAT": "1"})
    task.wait_healthy()
    task.app("import time; time.sleep(3600)")

    def has_watches(event):
        return event["health"]["collectors"]["file_inotify"].get("figures", {}).get("watches", 0) > 100

    health = ingest.wait_for("sensor.heartbeat", has_watches)["health"]
    told = health["collectors"]["file_inotify"]["figures"]
    assert told["watches"] <= told["watches_at_most"]
    assert figures(task)["watches"] == told["watches"]
    assert told["watches"] < 2048, "a quarter of the usual 8,192"
