"""What delivery costs and whether it keeps its promises: size on the wire, speed, latency, outages, kills, the stop.

Nothing is asserted. The events are those of three ordinary services in a container task. Run by `make bench`; parts of
it by `python bench/delivery.py wire throughput`.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import services
import throughput
from bad_link import FAULTS, bad_link
from docker_cli import LABEL, Container, wait_for
from exec_latency import exec_latency
from fargate_task import FargateTask
from ingest_container import WRITE_TOKEN
from lab import Lab, temporary_lab, temporary_volume
from latency import latency
from machine import describe
from numbered_events import holes, made, missing, numbers, writer
from outage import outage
from tables import table

from sensor.model.codec import event_from_json, header_from_json
from sensor.model.counters import Counters
from sensor.model.events import Event
from sensor.model.kinds import Kind
from sensor.pipeline.batch import seal
from sensor.pipeline.encode import Encoder

BATCH = 500
SPOOL = "/var/spool/sensor"
EVERYTHING = {"SENSOR_FOLD": "off", "SENSOR_DAILY_MB": "0"}
DAY_S = 86_400
WATCHED_S = 2.5
"""Of the five seconds between two kills; a sensor watches by then."""
Plain = dict[str, Any]


def stop(lab: Lab, task: FargateTask) -> Plain:
    """Stop the sensor; its last report."""
    before = {event["id"] for event in lab.ingest.events(kind="sensor.stop")}
    task.sensor.kill("TERM")
    task.sensor.wait_stopped(40)
    return dict(lab.ingest.wait_for("sensor.stop", lambda event: event["id"] not in before))


def life(lab: Lab, last: Plain) -> list[Plain]:
    """All events of the run of the sensor that ended with this report, in their order."""
    epoch = last["sensor"]["epoch"]
    told = [dict(event) for event in lab.ingest.events() if event["sensor"]["epoch"] == epoch]
    return sorted(told, key=lambda event: (event["lane"], event["seq"]))


def capture(lab: Lab) -> list[Plain]:
    """What the sensor tells beside the three services at work for 90 seconds, nothing folded."""
    task = lab.task(EVERYTHING)
    task.wait_healthy()
    containers = services.start(lab, task, 0.3)
    time.sleep(90)
    told = life(lab, stop(lab, task))
    _remove(*containers, task.sensor, task.pause)
    return [event for event in told if event["lane"] == "ordinary"]


def wire(told: Sequence[Plain]) -> None:
    """Bytes an event in full batches, as the ingest gets them, and as JSON lines in gzip."""
    header = header_from_json({key: told[0][key] for key in ("sensor", "task")})
    encoder = Encoder(Counters())
    sizes: dict[str, list[float]] = {"msgpack, zstd": [], "JSON lines, gzip": []}
    for start in range(0, len(told) - BATCH + 1, BATCH):
        plain = told[start : start + BATCH]
        items = [item for one in plain if (item := encoder.encode(event_from_json(one))) is not None]
        lines = b"\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in plain)
        sizes["msgpack, zstd"].append(len(seal(header, items).data) / BATCH)
        sizes["JSON lines, gzip"].append(len(gzip.compress(lines)) / BATCH)
    rows = [(name, f"{statistics.mean(found):.1f}", f"{max(found):.1f}") for name, found in sizes.items()]
    print(f"\nbytes an event of {len(told)} captured, in batches of {BATCH}\n\n{table(('as', 'mean', 'worst'), rows)}")


def days(lab: Lab, seconds: float) -> None:
    """Bytes that a task of three ordinary services sends a day, by the later half of what it did, and folded harder."""
    rows = [day(lab, seconds, name, daily_mb) for name, daily_mb in (("as usual", "0"), ("folded harder", "0.3"))]
    head = ("", "MB a day", "events a day", "bytes an event", "sampled")
    print(f"\na task-day of three ordinary services, by {seconds / 2:.0f} s of it\n\n{table(head, rows)}")


def day(lab: Lab, seconds: float, name: str, daily_mb: str) -> tuple[str, ...]:
    """One of them; a small budget is soon ahead of its hours, so that it folds."""
    task = lab.task({"SENSOR_DAILY_MB": daily_mb})
    task.wait_healthy()
    containers = services.start(lab, task)
    time.sleep(seconds)
    reports = [event["health"] for event in life(lab, stop(lab, task)) if event["kind"] == "sensor.heartbeat"]
    _remove(*containers, task.sensor, task.pause)
    middle, last = reports[len(reports) // 2], reports[-1]
    took = last["uptime_s"] - middle["uptime_s"]
    sent, told = (last["counters"][key] - middle["counters"][key] for key in ("shipped_bytes", "delivered"))
    sampled = last.get("losses", {}).get("sampled", 0)
    return name, f"{sent * DAY_S / took / 1e6:.2f}", f"{told * DAY_S / took:.0f}", f"{sent / told:.0f}", str(sampled)


def speed(lab: Lab, told: Sequence[Plain]) -> None:
    """Events a second on one core, by the Python and the code of the image."""
    python = Path(throughput.__file__)
    command = ("docker", "run", "--rm", "--interactive", "--label", LABEL, "--volume", f"{python.parent}:/bench:ro")
    command += ("--entrypoint", "/opt/sensor/bin/python", lab.images.sensor, f"/bench/{python.name}")
    done = subprocess.run(command, input=json.dumps(told), stdout=subprocess.PIPE, text=True, check=True)
    rows = []
    for spool, runs in json.loads(done.stdout).items():
        found = [throughput.Speed(*run) for run in runs]
        rates = sorted(run.events / run.cpu_s for run in found)
        rates_told = (f"{rate:,.0f}" for rate in (statistics.median(rates), rates[0], rates[-1]))
        rows.append((spool, f"{found[0].events:,}", f"{found[0].delivered:,}", *rates_told))
    head = ("spool", "events in", "sent (the rest was folded)", "events a second of CPU", "slowest", "fastest")
    print(f"\nenrich, batch, spool, send: {throughput.RUNS} runs\n\n{table(head, rows)}")


def delays(lab: Lab) -> None:
    """Milliseconds from an event to its being stored."""
    url = f"http://127.0.0.1:{lab.ingest.published(8080)}"
    rows = []
    for name, kind, times, apart in (("ordinary", Kind.FILE_CREATE, 60, 3.0), ("detection", Kind.DETECTION, 300, 0.3)):
        found = latency(url, WRITE_TOKEN, kind, times, apart)
        rows.append((name, str(times), *(f"{1000 * seconds:.0f} ms" for seconds in found)))
    execs, missed = exec_latency(lab, 300, 0.3)
    name = "exec to its detection in the API" + (f", {missed} missed" if missed else "")
    rows.append((name, "300", *(f"{1000 * seconds:.0f} ms" for seconds in execs)))
    print(f"\nevent to stored, idle\n\n{table(('event', 'times', 'p50', 'p99', 'worst'), rows)}")


def away(events: Sequence[Event]) -> None:
    """Ten virtual minutes without an ingest."""
    found = outage(events)
    print(
        "\ningest down for 10 min, in virtual time, under 200 events/s, disk spool: "
        f"{found.events} events, {found.stored} stored, {found.lost} lost, {found.doubled_on_the_wire} sent twice and "
        f"stored once; at most {found.spool_bytes / 1e6:.1f} MB of files, {found.memory_bytes / 1e6:.2f} MB of memory"
    )


def misbehaving(lab: Lab, seconds: int) -> None:
    """An ingest that answers at random."""
    link, address = bad_link(lab, faults=FAULTS)
    task = lab.task({**EVERYTHING, "SENSOR_INGEST_URL": address})
    task.wait_healthy()
    app = writer(lab, task, count=50 * seconds, a_second=50)
    app.wait_stopped(seconds + 60)
    wait_for("all are there", lambda: len(numbers(lab.ingest, app)) >= 50 * seconds or None, 400)
    found = numbers(lab.ingest, app)
    faults = sum(name != "none" for name in link.logs().split())
    print(
        f"\ningest misbehaving for {seconds} s ({faults} faults): {50 * seconds} events, "
        f"{missing(found, 50 * seconds)} lost, {len(found) - len(set(found))} doubled"
    )
    _remove(app, link, task.sensor, task.pause)


def killed(lab: Lab, seconds: int, a_second: int = 100) -> None:
    """kill -9 every five seconds."""
    with temporary_volume() as name:
        options = [f"--volume={name}:{SPOOL}"]
        task = lab.task({**EVERYTHING, "SENSOR_SPOOL_DIR": SPOOL}, sensor_options=options)
        task.wait_healthy()
        app = writer(lab, task, count=a_second * seconds, a_second=a_second)
        kills = []
        while app.running():
            time.sleep(5)
            kills.append(time.time())
            task.sensor.kill("KILL")
            task.sensor.wait_stopped()
            task.sensor.start()
        task.wait_healthy()
        time.sleep(5)
        stop(lab, task)
        times = made(app)
        _remove(app, task.sensor, task.pause)
    told = [e for e in lab.ingest.events(kind="sensor.loss") if e["loss"]["reason"] == "killed"]
    found = numbers(lab.ingest, app)
    print(
        f"\nkill -9 every 5 s, {len(kills)} times, {a_second} events/s, disk spool: {a_second * seconds} happened, "
        f"{missing(found, a_second * seconds)} not told (while no sensor ran, or lost), "
        f"{len(found) - len(set(found))} doubled; holes in the numbers: {holes(lab.ingest, app)}, "
        f"told as lost at most: {sum(e['loss']['count'] for e in told)}; "
        f"of what happened in the {WATCHED_S:g} s before a kill {', '.join(_before(kills, times, found))} not told"
    )


def _before(kills: Sequence[float], times: Sequence[float], found: Sequence[int]) -> list[str]:
    """For each kill how much of what happened before it, while a sensor watched, never came; and since when."""
    stored = set(found)
    untold = [at for number, at in enumerate(times) if number not in stored]
    lost = [[kill - at for at in untold if kill - WATCHED_S < at < kill] for kill in kills]
    return [f"{len(ages)} ({max(ages, default=0.0):.2f} s)" for ages in lost]


def stopping(lab: Lab) -> None:
    """SIGTERM with 20,000 events waiting and a link of 1 MB/s."""
    link, address = bad_link(lab, bytes_a_second=1_000_000)
    task = lab.task({**EVERYTHING, "SENSOR_INGEST_URL": address, "SENSOR_STOP_DEADLINE": "25"})
    task.wait_healthy()
    lab.ingest.kill("STOP")
    app = writer(lab, task, count=20_000, a_second=1_000)
    app.wait_stopped(60)
    lab.ingest.kill("CONT")
    begin = time.monotonic()
    health = stop(lab, task)["health"]
    took = time.monotonic() - begin
    print(
        f"\nSIGTERM after 20,000 file creations, the ingest away until then, a link of 1 MB/s: {took:.1f} s, exit code "
        f"{task.sensor.exit_code()}, {len(numbers(lab.ingest, app))} stored, "
        f"lost and counted {health.get('losses', {})}, added to the stop {health['stop_added_s']} s"
    )
    _remove(app, link, task.sensor, task.pause)


def _remove(*containers: Container) -> None:
    for container in containers:
        container.remove()


LEAST_OF_A_DAY_S = 130
"""Four heartbeats lie in it, of which the later half counts."""
PARTS = ("wire", "throughput", "away", "latency", "misbehaving", "killed", "stop", "day")


def main() -> int:
    """Measure what was asked for, all by default."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--seconds", type=int, default=300, help="how long to misbehave, and to watch for a day (300)"
    )
    arguments.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure (all)")
    given = arguments.parse_args()
    wanted = given.parts or PARTS
    with temporary_lab() as lab:
        print(describe(lab.images.sensor))
        told = capture(lab) if {"wire", "throughput", "away"} & set(wanted) else []
        events = [event_from_json(event) for event in told if event["kind"] != "sensor.heartbeat"]
        parts: dict[str, Callable[[], None]] = {
            "wire": lambda: wire(told),
            "throughput": lambda: speed(lab, [event for event in told if event["kind"] != "sensor.heartbeat"]),
            "away": lambda: away(events),
            "latency": lambda: delays(lab),
            "misbehaving": lambda: misbehaving(lab, given.seconds),
            "killed": lambda: killed(lab, 60),
            "stop": lambda: stopping(lab),
            "day": lambda: days(lab, max(given.seconds, LEAST_OF_A_DAY_S)),
        }
        for name in wanted:
            parts[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
