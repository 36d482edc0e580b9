"""Tracing on the terms of ECS: every program of an app with its arguments, once what entered the task is followed.

The cursor finds a new container or session within 20 ms, which a busy machine may make more; so the scripts wait.
"""

from ingest_container import Event
from short_processes import UNFOLDED, execs, reports, shell, wait_over

SPAWNS = 1000
CHAIN = "sh -c 'exec env -u NOTHING /bin/true chained'"
IN_SESSION = 100
FOLLOWED = "while grep -q 'TracerPid:.0$' /proc/$$/status; do sleep 0.05; done"
SESSION = f"""
{FOLLOWED}
for i in $(seq {IN_SESSION}); do /bin/true in session $i; done
touch /tmp/over
"""
UNTIL_OVER = "while [ ! -e /tmp/over ]; do sleep 0.1; done"


def test_a_thousand_programs_and_those_of_an_exec_session_are_told_with_all_arguments(lab, ingest):
    task = lab.task(UNFOLDED | {"SENSOR_PROCESS": "trace"})
    task.wait_healthy()

    app = shell(
        lab, task, f"{FOLLOWED}; for i in $(seq {SPAWNS}); do /bin/true spawned $i; done; {CHAIN}; {UNTIL_OVER}"
    )
    session = app.execute("sh", "-c", SESSION)

    assert session.returncode == 0, session.stderr
    wait_over(ingest, app)
    told = execs(ingest, app)
    inside = [event for event in told if "session" in event["process"].get("args", ())]
    assert {event["process"]["args"][-1] for event in inside} == {f"{n + 1}" for n in range(IN_SESSION)}
    assert all(traced(event) for event in inside)
    spawned = [event["process"]["args"] for event in told if "spawned" in event["process"].get("args", ())]
    assert sorted(spawned, key=lambda args: int(args[-1])) == [
        ["/bin/true", "spawned", f"{n + 1}"] for n in range(SPAWNS)
    ]
    assert all(traced(event) for event in told if "spawned" in event["process"]["args"])
    chain = {event["process"]["args"][0] for event in told if "chained" in str(event["process"].get("args"))}
    assert chain == {"sh", "env", "/bin/true"}
    health = reports(task, ingest)[-1]
    assert not {"tracer_lost", "trace_dropped"} & set(health.get("losses", {}))


def traced(event: Event) -> bool:
    """Whether a tracer saw the exec, and knew whose it was."""
    process = event["process"]
    return event["evidence"]["source"] == "trace" and process["uid"] == 0 and len(process["ancestors"]) > 0
