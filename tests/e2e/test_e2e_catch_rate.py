"""Processes that live 50 ms: how many are seen with all their arguments, and how many of those are seen to end."""

COUNT = 100
SCRIPT = f"""
import subprocess
for n in range({COUNT}):
    subprocess.run(["sleep", f"0.05{{n:03d}}"])
subprocess.run(["sleep", "1.5"])
"""


def test_processes_of_50_ms_are_seen_with_their_arguments_and_their_ends(lab, ingest):
    task = lab.task()
    task.wait_healthy()

    app = task.app(SCRIPT)

    ingest.wait_for("container.stop", lambda event: event["container"]["id"] == app.id, deadline=40)
    wanted = {("sleep", f"0.05{n:03d}") for n in range(COUNT)}
    seen = {
        event["process"]["entity"]: tuple(event["process"]["args"])
        for event in ingest.events(kind="process.exec")
        if tuple(event["process"].get("args", ())) in wanted
    }
    ended = {event["process"]["entity"] for event in ingest.events(kind="process.exit")}
    assert len(set(seen.values())) >= 0.85 * COUNT
    assert seen.keys() <= ended
