"""Tracing on the terms of ECS: every program of an app with its arguments, from its first one on."""

from ingest_container import Event
from short_processes import UNFOLDED, execs, reports, shell, wait_over

SPAWNS = 1000
CHAIN = "sh -c 'exec env -u NOTHING /bin/true chained'"


def test_a_thousand_programs_as_fast_as_a_shell_can_are_told_with_all_arguments(lab, ingest):
    task = lab.task(UNFOLDED | {"SENSOR_PROCESS": "trace"})
    task.wait_healthy()

    app = shell(lab, task, f"for i in $(seq {SPAWNS}); do /bin/true spawned $i; done; {CHAIN}")

    wait_over(ingest, app)
    told = execs(ingest, app)
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
