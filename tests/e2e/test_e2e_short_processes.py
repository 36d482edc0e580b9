"""Processes of a few milliseconds and of less than one are told, with SYS_PTRACE and without.

How many are is a matter of the machine and of what else it does: `bench/catch_rate.py` holds the bars of 99 %.
"""

import pytest
from short_processes import UNFOLDED, execs, program, shell, unexplained, wait_over

COUNT = 200
SPAWN = f"""
import subprocess, time
for n in range({COUNT}):
    subprocess.run(["/bin/true", str(n)])
    time.sleep(0.01)
for n in range({COUNT}):
    subprocess.run(["/bin/sleep", "0.002", f"0.00000{{n:03d}}"])
    time.sleep(0.01)
time.sleep(0.5)
"""
LOOP = 2000


@pytest.mark.parametrize(("ptrace", "user"), [(True, "0"), (False, "1000")], ids=["ecs", "eks"])
def test_processes_of_2_ms_are_told_whole_and_shorter_ones_by_name(lab, ingest, ptrace, user):
    task = lab.task(UNFOLDED, ptrace=ptrace)
    task.wait_healthy()

    app = task.app(SPAWN, user=user)

    wait_over(ingest, app)
    told = execs(ingest, app)
    whole = {tuple(event["process"].get("args", ())) for event in told}
    sleeps = sum(("/bin/sleep", "0.002", f"0.00000{n:03d}") in whole for n in range(COUNT))
    trues = sum(program(event) == "true" for event in told)
    assert sleeps >= 0.8 * COUNT
    assert 0.8 * COUNT <= trues <= COUNT


def test_what_a_shell_loop_makes_is_told_or_within_what_is_unexplained(lab, ingest):
    task = lab.task()
    task.wait_healthy()

    app = shell(lab, task, f"sleep 1; for i in $(seq {LOOP}); do /bin/true; done; sleep 1")

    wait_over(ingest, app)
    bound = unexplained(task, ingest)
    told = sum(event["count"] for event in execs(ingest, app) if program(event) == "true")
    assert told <= LOOP <= told + bound
