"""The real entry point in a process of its own: exit codes, streams, one line for what is wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sensor import __version__
from sensor.cli import COMMANDS, dispatch

CLI = [sys.executable, "-m", "sensor.cli"]


def cli(*argv: str, code: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the entry point; `code` is executed first in the same process."""
    command = [sys.executable, "-c", f"import sys; {code}; from sensor.cli import main; sys.exit(main())", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_help_names_every_command_and_an_example() -> None:
    done = cli("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert "For example" in done.stdout


def test_version() -> None:
    assert cli("--version").stdout == f"fargate-sensor {__version__}\n"


def test_without_a_command_the_overview_goes_to_standard_error() -> None:
    done = cli()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: fargate-sensor COMMAND")


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("docter", "fargate-sensor: no command 'docter'; did you mean doctor?\n"),
        ("\x1b[31mx\n", "fargate-sensor: no command '\\x1b[31mx\\n'; there are " + ", ".join(COMMANDS) + "\n"),
    ],
)
def test_an_unknown_command_is_one_line(word: str, line: str) -> None:
    done = cli(word)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("ingest", "ingest is not part of this installation"),
        ("ingest.command", "ingest is not part of this installation"),
        ("starlette", "ingest needs starlette"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_remedy(missing: str, said: str) -> None:
    done = cli("ingest", code=f"sys.modules[{missing!r}] = None")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"fargate-sensor: {said}: pip install '.[ingest]' in a checkout of fargate-sensor\n"


def test_an_extra_is_named_by_its_room(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("family: x")
    line = "fargate-sensor: inject {}: pip install '.[deploy]' in a checkout of fargate-sensor\n"
    assert cli("inject", code="sys.modules['deploy'] = None").stderr == line.format("is not part of this installation")
    done = cli("inject", "ecs", str(tmp_path / "t.yaml"), code="sys.modules['ruamel'] = None")
    assert (done.returncode, done.stderr) == (2, line.format("needs ruamel"))


def test_a_missing_package_of_the_sidecar_is_one_line_too() -> None:
    done = cli("run", code="sys.modules['pydantic_core'] = None")
    assert (done.returncode, done.stderr) == (
        2,
        "fargate-sensor: run needs pydantic_core: pip install . in a checkout of fargate-sensor\n",
    )


def test_a_missing_module_of_ours_is_a_fault_and_shown_whole() -> None:
    done = cli("run", code="sys.modules['sensor.config.validate'] = None")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("command", ["run", "watch", "doctor", "health"])
def test_without_proc_one_line_says_what_to_do(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os.path, "exists", lambda _path: False)
    assert dispatch([command]) == 1
    assert capsys.readouterr().err.startswith(f"fargate-sensor: {command} needs Linux with /proc mounted; ")


def test_interrupted_from_the_keyboard_there_is_no_traceback() -> None:
    code = (
        "import sensor.commands.health as h, os, signal;"
        "h.main = lambda argv: os.kill(os.getpid(), signal.SIGINT) or __import__('time').sleep(30)"
    )
    done = cli("health", code=code)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "")


def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([*CLI, "--help"], stdout=writing, stderr=subprocess.PIPE, timeout=30)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_the_installed_script_is_this_entry_point() -> None:
    script = Path(sys.executable).with_name("fargate-sensor")
    if not script.exists():
        pytest.skip("the package runs from a path, not installed")
    assert subprocess.run([script, "--version"], capture_output=True, text=True).stdout.endswith(f"{__version__}\n")
