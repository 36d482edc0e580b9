"""What detection costs: time an event with two hundred rules loaded, and memory. Run by `make bench`.

Rules are those that ship, those of the folder in SIGMA_RULES, and copies of them that look for other texts, up to the
number. Events are ordinary execs of services, none of which a rule should find; each is asked many times, and the
fastest round counts, because whatever else the machine does only makes it slower.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sensor.detect.compact import Rule, RuleSet, Variant, pack
from sensor.detect.engine import Engine
from sensor.model.events import Ancestor, Container, Event, Evidence, Process, Timestamp
from sensor.model.kinds import Kind
from sensor.sigma.compiler import compile_paths

PROJECT = Path(__file__).parents[1]
ROUNDS, TURNS = 30, 200

LINES = """
/bin/sh -c test -f /srv/ready
/usr/bin/curl -fsS http://localhost:8080/health
/usr/local/bin/python3.13 -m gunicorn --workers 4 --bind 0.0.0.0:8080 shop.wsgi:application
/usr/sbin/nginx -g daemon off;
/usr/lib/postgresql/17/bin/postgres -D /var/lib/postgresql/data
/usr/bin/redis-server 0.0.0.0:6379
/usr/local/bin/node /srv/app/server.js --port 3000
/opt/java/openjdk/bin/java -Xmx512m -jar /srv/app.jar --spring.profiles.active=production
/usr/bin/dash /docker-entrypoint.sh migrate
/usr/bin/date +%s
/usr/bin/sleep 30
/usr/bin/ps -ef
/usr/bin/grep -q ok /tmp/status
/usr/bin/cat /proc/loadavg
/usr/sbin/cron -f
/usr/bin/find /srv/cache -type f -mmin +60 -delete
/usr/bin/chown -R app:app /srv/data
/usr/sbin/haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg
""".strip().splitlines()

PROBE = """
import sys
from sensor.detect.compact import unpack
import sensor.enrich.enricher
def pss():
    return int(open("/proc/self/smaps_rollup").read().partition("Pss:")[2].split()[0]) * 1024
before = pss()
rules = unpack(open(sys.argv[1], "rb").read())
form = pss()
from sensor.detect.engine import Engine
engine = Engine(rules)
print(before, form, pss())
"""


def events() -> Iterator[Event]:
    """The execs."""
    chain = (Ancestor("above", 1, "/usr/bin/dash"), Ancestor("top", 1, "/pause"))
    for pid, line in enumerate(LINES, 100):
        args = tuple(line.split(" "))
        process = Process(str(pid), pid, 1, exe=args[0], args=args, cwd="/srv", uid=1000, user="app", ancestors=chain)
        place = Container("c1", "app", "shop:1.4")
        yield Event(Kind.PROCESS_EXEC, Timestamp(1), Evidence("cursor"), container=place, process=process)


def rule_set(number: int) -> RuleSet:
    """So many rules."""
    folder = os.environ.get("SIGMA_RULES")
    rules = compile_paths([PROJECT / "rules", *([Path(folder)] if folder else [])])
    found = [rule for rule in rules.rules if rule.variants]
    copies = [_copy(found[n % len(found)], n) for n in range(max(0, number - len(found)))]
    return RuleSet((*found, *copies))


def _copy(rule: Rule, number: int) -> Rule:
    """The rule with other texts in it."""
    made = (Variant(variant.kinds, _other(variant.condition, f"{number}x")) for variant in rule.variants)
    return rule._replace(id=f"{rule.id}-{number}", variants=tuple(made))


def _other(condition: list[Any], suffix: str) -> list[Any]:
    operator, *rest = condition
    if operator in ("and", "or", "not"):
        return [operator, *(_other(part, suffix) for part in rest)]
    if operator == "is" and rest[0] not in ("Initiated", "process.uid"):
        return [operator, *rest[:-1], [text + suffix for text in rest[-1]]]
    return condition


def cost(engine: Engine, event: Event) -> float:
    """Microseconds for one event, in the fastest round."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(TURNS):
            engine.matches(event)
        best = min(best, (time.perf_counter() - begin) / TURNS)
    return best * 1e6


def memory(rules: RuleSet) -> tuple[int, int]:
    """Bytes of PSS for the compact form as it is read, and for the engine made of it, in a process of its own."""
    with NamedTemporaryFile() as file:
        file.write(pack(rules))
        file.flush()
        done = subprocess.run([sys.executable, "-c", PROBE, file.name], capture_output=True, text=True, check=True)
    before, form, engine = map(int, done.stdout.split())
    return form - before, engine - form


def report(rules: RuleSet, costs: Iterable[float]) -> str:
    """All figures."""
    ordered = sorted(costs)
    form, engine = memory(rules)
    return (
        f"Python {platform.python_version()}, {len(rules.rules)} rules loaded, {len(ordered)} ordinary execs\n"
        f"an event: median {statistics.median(ordered):.1f} µs (bar: 15 µs), slowest {ordered[-1]:.1f} µs\n"
        f"compact form: {len(pack(rules)) / 1e3:.0f} kB as a file, {form / 1e6:.1f} MB in memory (bar: 3 MB); "
        f"functions and index made of it, with RE2: {engine / 1e6:.1f} MB"
    )


def main() -> int:
    """Measure and print; ordinary execs that a rule finds are named."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rules", type=int, default=200, help="how many (200)")
    rules = rule_set(arguments.parse_args().rules)
    engine = Engine(rules)
    ordinary = list(events())
    print(report(rules, [cost(engine, event) for event in ordinary]))
    for event in ordinary:
        for rule in engine.matches(event):
            print(f"found: {rule.level}: {rule.title}: {event.process and event.process.args}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
