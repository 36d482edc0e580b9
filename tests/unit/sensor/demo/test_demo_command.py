"""`fargate-sensor demo` as a process: what it says when it cannot run, and which code it ends with."""

import os
import subprocess
import sys
from pathlib import Path


def demo(*argv: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    command = [sys.executable, "-m", "sensor.cli", "demo", *argv]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


def test_a_missing_extra_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "starlette").mkdir()
    (tmp_path / "starlette" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'starlette'\", name='starlette')\n"
    )
    done = demo("--for", "1", path=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "fargate-sensor demo: ingest needs starlette: pip install '.[ingest]' in a checkout of fargate-sensor\n",
    )


def test_without_a_directory_for_its_files_it_says_so(tmp_path: Path) -> None:
    environ = os.environ | {"TMPDIR": str(tmp_path / "gone")}
    code = (
        "import sys, tempfile; tempfile._candidate_tempdir_list = lambda: [%r];"
        "from sensor.cli import main; sys.argv = ['fargate-sensor', 'demo', '--for', '1']; sys.exit(main())"
    )
    command = [sys.executable, "-c", code % str(tmp_path / "gone")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "fargate-sensor demo: needs a directory for temporary files; name one in TMPDIR\n"


def test_wrong_usage_is_one_line() -> None:
    done = demo("--port", "70000")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "fargate-sensor demo: argument --port: '70000' is no port number; see fargate-sensor demo --help\n"
    )


def test_help_has_an_example() -> None:
    done = demo("--help")
    assert done.returncode == 0
    assert "For example: fargate-sensor demo --for 20" in done.stdout
