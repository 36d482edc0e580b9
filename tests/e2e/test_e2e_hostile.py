"""What an application may try against the sensor that watches it."""

LINKS = """
import os, pathlib, shutil, time
for place, target in {
    "/etc/cron.d": "/proc/1/root/etc",            # a magic link into another container
    "/etc/profile.d": "/opt/sensor",              # a path that only the sensor's own root has
    "/etc/sudoers.d": "../../../../../../etc",    # out at the top, and back in
    "/etc/init.d": "/etc/init.d",                 # a loop
}.items():
    shutil.rmtree(place, ignore_errors=True)
    os.symlink(target, place)
pathlib.Path("/etc/links-are-laid").write_text("")
time.sleep(3600)
"""


def test_symlinks_out_of_a_container_lead_nowhere(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app(LINKS)
    ingest.wait_for("file.create", lambda event: event["file"]["path"] == "/etc/links-are-laid")

    task.pause.execute("touch", "/etc/in-pause")
    app.execute("touch", "/etc/in-app")

    ingest.wait_for("file.create", lambda event: event["file"]["path"] == "/etc/in-app")
    told = {(event["container"]["id"], event["file"]["path"]) for event in ingest.events() if "file" in event}
    assert (task.pause.id, "/etc/in-pause") in told
    assert not [path for container, path in told if container == app.id and path.endswith("/in-pause")]
    assert not [path for _, path in told if path.startswith("/opt/sensor")]
    assert task.sensor.execute("fargate-sensor", "health").returncode == 0
