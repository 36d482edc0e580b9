"""The first stage of `run` and `watch` through a real exec, into a second stage that tells what it was given."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STAGE_TWO = """\
import json, os, sys
from sensor.config.handover import ended, take
descriptor, first_stage = map(int, sys.argv[sys.argv.index("--handover") + 1 :][:2])
if code := ended(first_stage):
    sys.exit(code)
handover = take(descriptor)
told = {"argv": sys.argv[1:], "environ": dict(os.environ), "parked": handover.parked, "view": handover.view,
        "run_for": handover.run_for, "token": handover.settings.ingest_token, "url": handover.settings.ingest_url,
        "destinations": handover.settings.destinations, "batch_age": handover.settings.batch_age,
        "stdout_all": handover.settings.stdout_all,
        "descriptors": sorted(os.listdir("/proc/self/fd"))}
os.write(2, ("TOLD " + json.dumps(told) + "\\n").encode())
"""

INGEST = {"SENSOR_INGEST_URL": "https://ingest.example.org", "SENSOR_INGEST_TOKEN": "hush-hush"}


@pytest.fixture
def stage_two(tmp_path: Path) -> Path:
    """An interpreter that runs the fake second stage whatever it is told to run."""
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\n{STAGE_TWO}")
    path.chmod(0o755)
    return path


def start(
    stage_two: Path, *argv: str, environ: dict[str, str], stdout: int = subprocess.PIPE
) -> tuple[int, list[str], dict[str, Any]]:
    """Exit code, log lines, and what the second stage was told (nothing when it was not started)."""
    code = "import sys; sys.executable = sys.argv.pop(1); from sensor.cli import main; sys.exit(main())"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SENSOR_")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(stage_two), *argv],
        env=clean | environ,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
    )
    lines = done.stderr.splitlines()
    told = json.loads(lines.pop()[5:]) if lines and lines[-1].startswith("TOLD ") else {}
    assert not done.stdout
    return done.returncode, lines, told


def test_a_good_configuration_is_handed_over(stage_two: Path) -> None:
    code, lines, told = start(stage_two, "run", environ=INGEST)
    assert (code, lines) == (0, [])
    assert (told["url"], told["token"]) == ("https://ingest.example.org", "hush-hush")
    assert (told["parked"], told["view"], told["run_for"]) == ([], "none", None)
    assert told["argv"][:4] == ["-P", "-m", "sensor.app", "--handover"]


@pytest.mark.parametrize("command", ["run", "watch"])
@pytest.mark.parametrize(
    ("argv", "environ"),
    [
        ([], {"SENSOR_PROCESS": " trace"}),
        (["--process", "trace"], {}),
        (["--process=trace"], {"SENSOR_PROCESS": "auto"}),
    ],
)
def test_tracing_is_asked_for_before_the_handover_is_read(
    stage_two: Path, command: str, argv: list[str], environ: dict[str, str]
) -> None:
    _, _, told = start(stage_two, command, *argv, environ=INGEST | environ)
    assert told["argv"][6:] == ["--traces"]


def test_no_secret_stays_in_the_environment_and_what_others_need_does(stage_two: Path) -> None:
    needed = {
        "HTTPS_PROXY": "http://proxy:3128",
        "SSL_CERT_FILE": "/ca.pem",
        "ECS_CONTAINER_METADATA_URI_V4": "http://x",
    }
    misspelt = {"SENSOR_INGEST_TOKENN": "hush-hush"}
    _, _, told = start(stage_two, "run", environ=INGEST | needed | misspelt)
    assert needed.items() <= told["environ"].items()
    assert "hush-hush" not in json.dumps(told["environ"])
    assert not [key for key in told["environ"] if key.startswith("SENSOR_")]


def test_the_descriptor_is_the_only_thing_that_is_inherited(stage_two: Path) -> None:
    _, _, told = start(stage_two, "run", environ=INGEST)
    assert len(told["descriptors"]) == 4, "three standard streams and the listing itself: the handover is closed"


def test_a_wrong_configuration_parks_and_tells_all_of_it(stage_two: Path) -> None:
    code, lines, told = start(stage_two, "run", "--heartbeat", "0", environ=INGEST | {"SENSOR_FILEZ": "1"})
    assert code == 0
    assert told["parked"] == [
        "SENSOR_FILEZ: no such setting; did you mean SENSOR_FILES?",
        "--heartbeat: should be greater than or equal to 1, got '0'",
    ]
    assert told["token"] == "hush-hush", "so that the ingest can be told"
    assert [line.split(" sensor.config: ")[1] for line in lines[:2]] == told["parked"]
    assert "waits for SIGTERM" in lines[2]


@pytest.mark.parametrize(("argv", "environ"), [(["--strict"], {}), ([], {"SENSOR_STRICT": "true"})])
def test_strict_ends_with_two_and_starts_nothing(stage_two: Path, argv: list[str], environ: dict[str, str]) -> None:
    code, lines, told = start(stage_two, "run", *argv, environ=environ)
    assert (code, told) == (2, {})
    assert [line.split(" sensor.config: ")[1].split(":")[0] for line in lines] == [
        "SENSOR_INGEST_URL",
        "SENSOR_INGEST_TOKEN",
    ]


def test_a_warning_does_not_park(stage_two: Path) -> None:
    _, lines, told = start(stage_two, "run", environ=INGEST | {"SENSOR_INGEST_URL": "http://ingest.example.org"})
    assert told["parked"] == []
    assert " warning sensor.config: SENSOR_INGEST_URL: sends the token unencrypted" in lines[0]


def test_a_check_that_was_killed_ends_the_sensor_with_a_line(stage_two: Path) -> None:
    done = started_with(stage_two, "os.kill(os.getpid(), 9)")
    assert done.returncode == 1
    assert done.stderr == "fargate-sensor: the check of the configuration was ended by signal 9\n"


def test_a_check_that_fails_ends_the_sensor_and_says_where(stage_two: Path) -> None:
    done = started_with(stage_two, "1 / 0")
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_where_no_process_more_is_allowed_the_start_waits(stage_two: Path) -> None:
    refuse = "real = os.fork; left = [11, 11, 12]; os.fork = lambda: fail(left.pop()) if left else real()"
    code = (
        "import os, sys, time; sys.executable = sys.argv.pop(1); time.sleep = lambda _: None\n"
        "def fail(number): raise OSError(number, os.strerror(number))\n"
        f"{refuse}\n"
        "from sensor.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, str(stage_two), "run"]
    done = subprocess.run(command, env=os.environ | INGEST, capture_output=True, text=True, timeout=30, check=False)
    first, *rest = done.stderr.splitlines()
    assert first.startswith("fargate-sensor: no process can be started, and it waits until one can: ")
    assert [line[:5] for line in rest] == ["TOLD "]


def started_with(stage_two: Path, check: str) -> "subprocess.CompletedProcess[str]":
    """What became of a start whose check of the configuration is this expression."""
    code = (
        "import os, sys; sys.executable = sys.argv[1]; from sensor.commands import second_stage;"
        f"sys.exit(second_stage.start(lambda: {check}, []))"
    )
    return subprocess.run([sys.executable, "-c", code, str(stage_two)], capture_output=True, text=True, timeout=30)


def test_where_ended_children_are_not_kept_the_sensor_starts_as_well(stage_two: Path) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); sys.executable = sys.argv.pop(1);"
        "from sensor.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(stage_two), "run"],
        env=os.environ | INGEST,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr.startswith("TOLD ")


def test_help_lists_the_settings() -> None:
    done = subprocess.run([sys.executable, "-m", "sensor.cli", "run", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--batch-age" in done.stdout
    assert "For example" in done.stdout


def test_watch_piped_is_json_and_needs_no_ingest(stage_two: Path) -> None:
    code, lines, told = start(stage_two, "watch", "--for", "2.5", environ={})
    assert (code, lines) == (0, [])
    assert (told["view"], told["run_for"], told["destinations"]) == ("json", 2.5, ["stdout"])
    assert told["batch_age"] < 1
    assert told["stdout_all"] is True


@pytest.mark.parametrize(
    ("argv", "view"), [([], "person"), (["--all"], "person_all"), (["--json"], "json"), (["--json", "--all"], "json")]
)
def test_watch_on_a_terminal_is_for_a_person(stage_two: Path, argv: list[str], view: str) -> None:
    ours, theirs = pty.openpty()
    try:
        _, _, told = start(stage_two, "watch", *argv, environ={}, stdout=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert told["view"] == view


def test_watch_takes_settings_and_refuses_wrong_ones(stage_two: Path) -> None:
    _, _, told = start(stage_two, "watch", "--batch-age", "0.5", environ={})
    assert told["batch_age"] == 0.5
    code, lines, told = start(stage_two, "watch", "--bach-age", "0.5", environ={})
    assert (code, told) == (2, {})
    assert "--bach-age: no such setting; did you mean --batch-age?" in lines[0]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_watch_wants_a_real_duration(stage_two: Path, seconds: str) -> None:
    code, lines, told = start(stage_two, "watch", f"--for={seconds}", environ={})
    assert (code, told) == (2, {})
    assert lines == [
        f"fargate-sensor watch: argument --for: {seconds!r} is no number of seconds; see fargate-sensor watch --help"
    ]
