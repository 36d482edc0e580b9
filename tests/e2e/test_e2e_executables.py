"""What is told of executables: their hash, and whether they came after their container."""

from docker_cli import docker
from short_processes import ran

COPIED = """
import shutil, subprocess, time
shutil.copy("/bin/sleep", "/tmp/x")
with open("/tmp/x", "ab") as program:
    program.write(b"something else")
subprocess.run(["/tmp/x", "2.71"])
subprocess.run(["/bin/sleep", "2.72"])
time.sleep(3600)
"""


def test_a_program_that_came_at_run_time_drifts_and_each_has_its_hash(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app(COPIED)

    copied = ingest.wait_for("process.exec", ran("/tmp/x", "2.71"))["process"]
    shipped = ingest.wait_for("process.exec", ran("/bin/sleep", "2.72"))["process"]

    def digest(path):
        return docker("exec", app.id, "sha256sum", path).split()[0]

    assert (copied["drift"], copied["sha256"]) == (True, digest("/tmp/x"))
    assert (shipped["drift"], shipped["sha256"]) == (False, digest("/bin/sleep"))
