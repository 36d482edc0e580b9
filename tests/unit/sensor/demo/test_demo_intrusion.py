"""The nine steps, what plays them, and how what was seen is laid to them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sensor.demo.findings import Play, Seen, seen_by_psutil, seen_by_sensor
from sensor.demo.intruder import NAME, Intruder
from sensor.demo.report import table, tree
from sensor.demo.steps import Stage, Step, steps
from sensor.model.times import to_rfc3339
from tests.rules_from import compiled

HERE = "root-1:2"
PATH = os.environ["PATH"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path, 9)
    made.set_up()
    return made


def test_the_steps_do_what_they_say_and_stay_in_the_directory(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as far, Intruder(stage.directory) as intruder:
        played = steps(stage._replace(port=far.getsockname()[1]))
        shell_file, history = stage.watched / "var/www/html/shell.php", stage.watched / "home/.bash_history"
        assert intruder.play(played[0])
        assert shell_file.read_text() == "<?php /* harmless */\n"
        assert intruder.play(played[1])
        (stage.watched / "tmp/.x/part").write_bytes((stage.served / "sleep").read_bytes())
        assert intruder.play(played[3])
        assert intruder.play(played[4])
        assert intruder.play(played[6])
        assert (stage.watched / "etc/cron.d/update").exists()
        assert intruder.play(played[7])
        far.settimeout(0)
        far.accept()[0].close()
        assert intruder.play(played[8])
        assert not history.exists()
        pid = intruder.pid
    assert not Path(f"/proc/{pid}").exists()
    assert {path.name for path in stage.directory.iterdir()} == {"watched", "served", NAME}


@pytest.mark.parametrize("tool", [*filter(shutil.which, ("curl", "wget")), None])
def test_nothing_is_asked_of_the_credentials_endpoint_itself(stage: Stage, tool: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        ask = steps(stage._replace(port=far.getsockname()[1]), lambda name: name if name == tool else None)[5]
        asking = subprocess.Popen(["sh", "-c", ask.lines[0]], stderr=subprocess.DEVNULL, env={"PATH": PATH})
        far.settimeout(20)
        connection, _ = far.accept()
        with connection:
            connection.settimeout(20)
            assert connection.recv(4096).startswith(b"GET http://169.254.170.2/v2/credentials/demo ")
            connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")
        asking.wait(20)


def test_what_is_lacking_is_played_by_something_else_and_said(stage: Stage) -> None:
    bare = steps(stage, lambda name: None)
    assert [step.instead for step in bare if "Python" in (step.instead or "")] == [
        "Python, there is no curl here",
        "to the loopback, by Python: there is no bash here",
    ]
    assert steps(stage, {"wget": "/usr/bin/wget"}.get)[2].instead == "wget, there is no curl here"


def test_the_connection_without_bash_is_one(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        connect = steps(stage._replace(port=far.getsockname()[1]), lambda name: None)[7]
        subprocess.run(["sh", "-c", connect.lines[0]], timeout=20, check=True)
        far.settimeout(0)
        far.accept()[0].close()


def test_the_demos_own_rule_is_one(tmp_path: Path) -> None:
    odd = Stage(tmp_path / "it's * odd", 9)
    rules = compiled(odd.rule())
    assert rules.problems == ()
    assert [rule.level for rule in rules.rules] == ["high"]


def test_a_stand_in_that_has_ended_is_told(stage: Stage) -> None:
    with Intruder(stage.directory) as intruder:
        assert not intruder.play(Step("ends", ("exit",)))
        assert not intruder.play(Step("is not there", ("true",)))


def at(second: float) -> str:
    return to_rfc3339(int(second * 1e9))


def event(kind: str, second: float, process: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    known = {} if process is None else {"process": process}
    return {"kind": kind, "time": at(second), "container": {"id": HERE}, **known, **parts}


SERVER = {"entity": "s", "pid": 7, "exe": "/d/php-fpm", "args": ["sh", "-c", "x"]}
SHELL = {"entity": "a", "pid": 8, "args": ["sh"], "ancestors": [{"entity": "s", "pid": 7, "exe": "/d/php-fpm"}]}
CURL = {
    "entity": "b",
    "pid": 9,
    "args": ["curl", "/d/watched/x"],
    "ancestors": [{"entity": "a", "pid": 8, "exe": "/usr/bin/dash"}, *SHELL["ancestors"]],
}
OTHER = {"entity": "c", "pid": 10, "args": ["id"]}
PAGE = {"path": "/d/watched/shell.php"}
FOUND = {"level": "high", "title": "a shell"}
PLAY = Play([10_000_000_000, 11_000_000_000], 7, Path("/d"), HERE)
EVENTS = [
    event("process.exec", 9, SERVER),
    event("detection", 10.1, file=PAGE, detection={"level": "low", "title": "a page"}),
    event("file.create", 10.1, file=PAGE),
    event("process.exec", 10.2, OTHER),
    event("file.create", 10.2, file={"path": "/d/watched/elsewhere"}) | {"container": {"id": "root-3:4"}},
    event("detection", 11.5, SHELL, detection=FOUND),
    event("process.exec", 11.5, SHELL),
    event("network.connect", 11.6, CURL),
]


def test_what_was_told_is_laid_to_the_step_that_began_last() -> None:
    assert seen_by_sensor(PLAY, EVENTS, 1) == Seen(files=1, detections=1)
    assert seen_by_sensor(PLAY, EVENTS, 2) == Seen(processes=1, connections=1, detections=1)
    looks = [
        '{"time": 9000000000, "pid": 8, "args": ["sh"]}',
        '{"time": 11100000000, "pid": 8, "args": ["sh"]}',
        '{"time": 11200000000, "pid": 8, "args": ["id"]}',
        '{"time": 11200000000, "connection": "127.0.0.1"}',
        '{"time": 112000',
        "Traceback",
    ]
    assert [seen_by_psutil(PLAY, looks, number) for number in (1, 2)] == [Seen(), Seen(processes=1, connections=1)]


def test_the_tree_has_the_detections_of_each_process_and_then_the_others() -> None:
    assert tree(PLAY, EVENTS) == [
        "…/php-fpm",
        "    sh",
        "      ! high     a shell",
        "        curl …/x",
        "! low      a page: …/shell.php",
    ]


def test_the_table_counts_the_steps_of_which_something_was_seen() -> None:
    rows = table([Step("one", ()), Step("two", ())], [Seen(files=2), Seen(1, 0, 0, 1)], [Seen(), Seen(2)])
    assert [row.split("  ")[0] for row in rows[1:3]] == ["1 one", "2 two"]
    assert rows[1].split() == ["1", "one", "2", "files", "nothing"]
    assert rows[2].split() == ["2", "two", "1", "process,", "1", "detection", "2", "processes"]
    assert rows[3].split()[-6:] == ["2,", "1", "detected", "1", "of", "2"]


def test_the_poller_writes_what_it_finds_below_a_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as far, log.open("wb") as stream:
        code = f"import socket, time; s = socket.create_connection({far.getsockname()!r}); time.sleep(60)"
        top = subprocess.Popen(["sh", "-c", f'{sys.executable} -c "{code}"; true'], start_new_session=True)
        poller = subprocess.Popen([sys.executable, "-m", "sensor.demo.poller", str(top.pid)], stdout=stream)
        try:
            deadline = time.monotonic() + 20
            play = Play([0], top.pid, tmp_path)
            while not seen_by_psutil(play, log.read_text().splitlines(), 1).connections:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            assert seen_by_psutil(play, log.read_text().splitlines(), 1).processes == 1
        finally:
            os.killpg(top.pid, signal.SIGTERM)
            top.wait(20)
        assert poller.wait(20) == 0, "it ends with what it watches"
