"""Root beside the sensor: what it may do to the sensor's process is told, and what the sensor keeps secret stays so."""

import pytest
from docker_cli import BASE, wait_for
from ingest_container import WRITE_TOKEN

SPYING = f"""
import os, signal
enough, read = [], set()
signal.signal(signal.SIGTERM, lambda *_: enough.append(True))
print("spying", flush=True)
while not enough:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{{pid}}/environ", "rb") as file:
                if b"={WRITE_TOKEN}" in file.read():
                    read.add(pid)
        except OSError:
            pass
print(f"read from {{len(read)}} processes", flush=True)
"""
ATTACK = """
import os, resource, signal, time
end = time.monotonic() + 40
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    with open(f"/proc/{pid}/comm") as file:
        beats = file.read().startswith("sensor ok")
    if beats:
        resource.prlimit(pid, resource.RLIMIT_NPROC, (7, 7))
        os.kill(pid, signal.SIGTERM)
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
            time.sleep(0.1)
"""


@pytest.mark.parametrize(("ptrace", "app_options"), [(True, []), (False, ["--cap-drop=MKNOD"])], ids=["ecs", "eks"])
def test_root_in_the_app_gets_no_token_and_its_blows_are_told(lab, ingest, ptrace, app_options):
    """A capability that the app lacks is what closes the sensor to it: SYS_PTRACE on ECS, any other that is dropped."""
    task = lab.task(ptrace=ptrace)
    app = lab.new("app", BASE, [*task.shared, *app_options], ["python3", "-u", "-c", SPYING]).start()
    wait_for("the app spies", lambda: "spying" in app.logs())
    task.sensor.kill("KILL")
    task.sensor.wait_stopped()
    task.sensor.start()
    task.wait_healthy()

    app.execute("python3", "-c", ATTACK)

    stop = ingest.wait_for("sensor.stop", lambda _: True, deadline=60)
    told = stop["health"]["collectors"]["own_process"]["reason"]
    assert "RLIMIT_NPROC" in told
    assert "(7, 7) from outside" in told
    assert "told to stop by PID" in told
    assert app.id in told
    assert stop["health"]["losses"]["tampered"] == 1
    app.kill("TERM")
    app.wait_stopped()
    assert "read from 0 processes" in app.logs()
