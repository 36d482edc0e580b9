"""`fargate-sensor inject` in a process: streams, files and exit codes."""

import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from task_definitions import FOLDER, IMAGE

from deploy.commands import inject_ecs, inject_pod
from deploy.commands.inject import main
from deploy.commands.inject_ecs import IMAGE as IMAGE_VARIABLE
from deploy.diff import difference

SINGLE = FOLDER / "single.json"
POD = FOLDER.parent / "manifests/shop.yaml"
OPTIONS = ["--image", IMAGE, "--ingest-url", "https://ingest.example.org"]
CLI = [sys.executable, "-m", "sensor.cli", "inject", "ecs"]


@pytest.fixture(autouse=True)
def _no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(IMAGE_VARIABLE, raising=False)


def run(*argv: object) -> int:
    try:
        return main(["ecs", *map(str, argv)])
    except SystemExit as end:
        return int(end.code or 0)


def test_the_document_is_all_that_goes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(SINGLE, *OPTIONS) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["pidMode"] == "task"
    assert all(line.startswith("fargate-sensor inject: note: ") for line in err.splitlines())


@pytest.mark.parametrize(("platform", "file"), [("ecs", SINGLE), ("pod", POD)])
@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("registry.example.org/security/runtime-sensor:0.1.0", 1),
        ("registry.example.org/fargate-sensor/app:0.1.0", 1),
        (IMAGE, 0),
        ("registry.example.org:5000/fargate-sensor-tracing", 0),
    ],
)
def test_an_image_in_which_no_check_looks_for_the_sensor_is_told_once(
    capfd: pytest.CaptureFixture[str], platform: str, file: Path, image: str, told: int
) -> None:
    assert main([platform, str(file), "--image", image, "--ingest-url", "https://ingest.example.org"]) == 0
    assert capfd.readouterr().err.count("note: the image is not called fargate-sensor: ") == told


def test_standard_input_and_the_entry_point() -> None:
    done = subprocess.run([*CLI, "-", *OPTIONS], input=SINGLE.read_bytes(), capture_output=True, timeout=30)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["containerDefinitions"]) == 2


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_bytes(SINGLE.read_bytes())
    file.chmod(0o640)
    assert run(file, *OPTIONS, "-o", file) == 0
    assert file.stat().st_mode & 0o777 == 0o640
    assert run(file, "--remove", "-o", file) == 0
    assert file.read_bytes() == SINGLE.read_bytes()
    assert os.listdir(tmp_path) == ["task.json"]


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`-o /dev/null` of root would leave a machine without it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run(SINGLE, *OPTIONS, "-o", pipe) == 0
        assert pipe.is_fifo()
        assert json.loads(os.read(reading, 65536))["pidMode"] == "task"
    finally:
        os.close(reading)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_terminal_is_shown_what_changes(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run([*CLI, str(SINGLE), *OPTIONS, "-o", str(tmp_path / "o")], stderr=theirs, timeout=30)
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert done.returncode == 0
    assert b'\x1b[32m+  "pidMode": "task",\x1b[0m' in shown


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the other end of a terminal is closed
        return b""


def test_control_characters_do_not_reach_the_terminal() -> None:
    (*_, line) = difference("a", "a\x1b[31m", "f", colour=False)
    assert line == "+a\\x1b[31m\n"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        ([], 2, "fargate-sensor inject: the following arguments are required"),
        ([SINGLE], 2, f"{SINGLE}: --image is needed the first time"),
        (
            [SINGLE, "--image", IMAGE, "--env", "SENSOR_DESTINATIONS=s3"],
            2,
            f"{SINGLE}: --env SENSOR_S3_BUCKET is needed; see",
        ),
        ([SINGLE, "--image", IMAGE], 2, "--ingest-url or --destination is needed the first time"),
        ([SINGLE, *OPTIONS, "--imag", "x"], 2, "unrecognized arguments: --imag x"),
        ([SINGLE, "--image", "a b", "--destination", "stdout"], 2, "--image: 'a b' is no image"),
        ([SINGLE, "--image", IMAGE, "--ingest-url", "ftp://x"], 2, "--ingest-url: an ingest is http:// or https://"),
        (
            [SINGLE, "--image", IMAGE, "--ingest-url", "http://u:p@h"],
            2,
            "--ingest-url: an ingest is http:// or https://",
        ),
        ([SINGLE, "--image", IMAGE, "--destination", "kafka:x"], 2, "--destination: 'kafka:x' is no destination"),
        ([SINGLE, "--image", IMAGE, "--destination", "kinesis"], 2, "--destination: 'kinesis' is no destination"),
        ([SINGLE, *OPTIONS, "--token-secret", "s3cret"], 2, "--token-secret: expected the ARN"),
        ([SINGLE, *OPTIONS, "--env", "FOO=s3cret"], 2, "--env: expected SENSOR_NAME=VALUE"),
        ([SINGLE, *OPTIONS, "--env", "SENSOR_INGEST_TOKEN=s3cret"], 2, "would stand in the document for all to read"),
        (
            [SINGLE, *OPTIONS, "--env", "SENSOR_CPU=s3cret"],
            2,
            "--env: SENSOR_CPU: no such setting; did you mean SENSOR_CPUS?",
        ),
        (
            [SINGLE, *OPTIONS, "--destination", "kinesis:a/b"],
            2,
            "--destination: SENSOR_KINESIS_STREAM: should be a stream",
        ),
        ([SINGLE, *OPTIONS, "--destination", "s3:logs/../x"], 2, "--destination: SENSOR_S3_PREFIX: should be"),
        ([SINGLE, *OPTIONS, "--env", "SENSOR_RULES=my-rules"], 2, "--env: SENSOR_RULES: should be absolute paths"),
        ([SINGLE, *OPTIONS, "--env", "SENSOR_CPUS=s3cret"], 2, "--env: SENSOR_CPUS: should be a valid number"),
        ([SINGLE, *OPTIONS, "--env", "SENSOR_PROBE_COMMANDS=s3cret"], 2, "should be a JSON array"),
        ([SINGLE, *OPTIONS, "--resource", "X"], 2, "--resource: no task definition 'X'; there are none"),
        ([FOLDER / "two_tasks.template.yaml", *OPTIONS, "--resource", "Third"], 2, "there are First, Second"),
        (["/nowhere/task.json", *OPTIONS], 1, "/nowhere/task.json: cannot be read: No such file or directory"),
        (["a\0b", *OPTIONS], 1, "cannot be read: embedded null byte"),
        ([FOLDER, *OPTIONS], 1, "cannot be read: Is a directory"),
        ([SINGLE, *OPTIONS, "-o", "/nowhere/o"], 1, "/nowhere/o: cannot be written: No such file or directory"),
    ],
)
def test_what_is_wrong_is_one_line(argv: list[object], code: int, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert "s3cret" not in err


def test_all_obstacles_of_all_definitions_are_told_and_nothing_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "t.yaml"
    text = (FOLDER / "two_tasks.template.yaml").read_text()
    template.write_text(
        text.replace("PidMode: task", "PidMode: host").replace("NetworkMode: awsvpc", "NetworkMode: host", 1)
    )
    assert run(template, *OPTIONS) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split(": ", 2)[2] for line in err.splitlines()] == [
        "First: networkMode is host: Fargate takes only awsvpc",
        "Second: pidMode is host: Fargate takes only task, in which the sensor sees the others",
    ]


@pytest.mark.parametrize(("help_of", "file"), [(inject_ecs, SINGLE), (inject_pod, POD)], ids=["ecs", "pod"])
def test_the_examples_of_the_help_run(help_of: ModuleType, file: Path) -> None:
    lines = help_of.EXAMPLE.replace("\\\n", "").replace("$IMAGE", IMAGE).splitlines()
    commands = [re.search(r"fargate-sensor inject (.*?)(?: -o .*| [|>] .*)?$", line) for line in lines[1:]]
    assert len(commands) == 2
    for command in commands:
        platform, _, *options = shlex.split(command[1] if command else "")
        assert main([platform, str(file), *options]) == 0


def test_one_definition_of_a_template_can_be_chosen(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(FOLDER / "two_tasks.template.yaml", *OPTIONS, "--resource", "Second") == 0
    assert capfd.readouterr().out.count("-   Name: fargate-sensor\n") == 1


def test_malformed_input_has_its_name_and_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{\n"a": }')))
    assert run("-", *OPTIONS) == 1
    assert capfd.readouterr().err == "fargate-sensor inject: standard input:2: no JSON: Expecting value (column 6)\n"


def test_the_image_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(IMAGE_VARIABLE, "registry.example.org/fargate-sensor:7")
    assert run(SINGLE, "--destination", "s3:bucket/prefix", "--env", "SENSOR_FOLD=off") == 0
    (sensor,) = json.loads(capfd.readouterr().out)["containerDefinitions"][1:]
    assert sensor["image"] == "registry.example.org/fargate-sensor:7"
    assert {one["name"]: one["value"] for one in sensor["environment"]} == {
        "SENSOR_DESTINATIONS": "s3",
        "SENSOR_S3_BUCKET": "bucket",
        "SENSOR_S3_PREFIX": "prefix",
        "SENSOR_FOLD": "off",
        "SENSOR_SPOOL_DIR": "/var/lib/fargate-sensor/spool",
    }


def test_a_document_that_cannot_be_written_whole_leaves_no_part_of_it(tmp_path: Path) -> None:
    output = tmp_path / "task.json"
    output.write_text("{}")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "from deploy.commands.inject import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "ecs", str(SINGLE), *OPTIONS, "-o", str(output)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        f"fargate-sensor inject: {output}: cannot be written: File too large",
    )
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("task.json", "{}")]
