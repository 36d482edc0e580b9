"""What the second stage may not import: it would be paid for in every task (docs/adr/0001)."""

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        importlib.import_module(module.name)
print(*sys.modules, sep="\\n")
"""
ROOMS = (
    "collectors",
    "sensor.app",
    "sensor.containers",
    "sensor.detect",
    "sensor.enrich",
    "sensor.model",
    "sensor.pipeline",
    "sensor.telemetry",
    "shippers",
)
KEPT_OUT = {
    *("click", "deploy", "ingest", "logging.config", "pydantic", "pyroute2", "rich", "starlette", "uvicorn"),
    *("re2", "sensor.sigma", "sigma", "yaml"),
    *("anyio", "httpcore", "psutil", "pydantic_core"),
}


def test_no_module_of_the_second_stage_brings_what_only_others_need():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *ROOMS], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "shippers.ingest_http" in imported
    assert not imported & KEPT_OUT


def test_the_first_stage_has_the_core_of_pydantic_and_what_settings_need_only():
    code = 'import sensor.commands.first_stage, sys; print(*sys.modules, sep="\\n")'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    imported = set(done.stdout.split())
    assert "pydantic_core" in imported
    assert not imported & {"asyncio", "httpx", "pydantic", "ssl"}


def test_what_starts_both_has_imported_next_to_nothing():
    """The second stage waits for it before it begins to import."""
    code = "import sys; before = set(sys.modules); import sensor.commands.run; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    imported = set(done.stdout.split())
    assert "sensor.commands.second_stage" in imported
    assert not imported & {"argparse", "collections", "contextlib", "json", "logging", "pydantic_core", "typing"}
