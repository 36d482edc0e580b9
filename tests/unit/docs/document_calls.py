"""Each call that the documents make, handed to what can judge it; what cannot be run here stands in `NOT_RUN`."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import aws_calls
import helm_calls
from document_shell import PROJECT, Call
from starlette.datastructures import QueryParams

from ingest.answers import Refused
from ingest.config import PREFIX, Settings
from ingest.parameters import Listing, parsed
from sensor.config.settings import SETTINGS, variable

CODES: Mapping[str, set[int]] = {"check": {1}, "doctor": {0, 1}, "health": {0, 1}}
"""Exit codes of `fargate-sensor` where they are not 0: the files here have findings, and no sensor runs beside us.

`check` ends with 1 for files that it cannot read as well, and Python for every error; both stand on standard error.
"""

NO_CLUSTER = "there is no cluster here; its file arguments are there, and what it runs in a sensor is run"
NO_ENGINE = "unit tests have no engine; tests/e2e runs these"
NOT_RUN: Mapping[str, Mapping[str, str]] = {
    "kubectl": dict.fromkeys(
        ("apply", "create", "exec", "get", "label", "logs", "port-forward", "run", "wait"), NO_CLUSTER
    ),
    "eksctl": {"create": "there is no account here"},
    "kind": {"create": NO_CLUSTER, "load": NO_CLUSTER},
    "docker": {
        **dict.fromkeys(("exec", "logs", "network", "rm", "run"), NO_ENGINE),
        **dict.fromkeys(("login", "push", "tag"), "there is no registry here"),
    },
}
"""By program and verb, why nobody runs it in this test."""

OPTIONS: Mapping[str, set[str]] = {
    "docker build": {"--network", "--platform", "--target"},
    "docker login": {"--password-stdin", "--username"},
    "docker rm": {"--force", "--volumes"},
    "docker run": {"--cap-add", "--name", "--network", "--pid", "--read-only"},
    "eksctl create": {"--cluster", "--name", "--namespace"},
    "kind create": {"--image"},
    "kubectl create": {"--cert", "--key"},
    "kubectl get": {"--field-selector", "--raw"},
    "kubectl run": {"--annotations", "--dry-run", "--image"},
    "kubectl wait": {"--for", "--timeout"},
}
"""Long options of the same, as far as documents use them: a misspelt one is told, a new one is to be looked up."""

FILE_OPTIONS = ("-f", "--cert", "--key")


def complain(call: Call, folder: Path) -> str | None:
    """What is wrong with a call, or nothing."""
    said = _PROGRAMS[call.program](call, folder)
    return f"{call.program} {' '.join(call.words)}: {said}" if said else None


def _sensor(call: Call, _: Path) -> str | None:
    expected = CODES.get(call.words[0], {0})
    if call.code not in expected:
        return f"exit {call.code}, not {expected}: {call.said}"
    failed = call.said and (call.words[0] == "check" or "Traceback" in call.said)
    return f"exit {call.code}, but not for what it found: {call.said}" if failed else None


def _aws(call: Call, folder: Path) -> str | None:
    return aws_calls.complain(call.words, folder)


def _helm(call: Call, folder: Path) -> str | None:
    return helm_calls.complain(call.words, folder)


def _make(call: Call, _: Path) -> str | None:
    done = subprocess.run(["make", "-n", *call.words], cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else None


def _pip(call: Call, _: Path) -> str | None:
    """A checkout with an extra, and nothing by a name: the project has none on an index, and anybody may take it."""
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = re.fullmatch(r"install \.\[(\w+)\]", " ".join(call.words))
    if found is None:
        return "not installed from a checkout"
    if not call.venv:
        return "outside of a venv Debian, Ubuntu and Homebrew refuse it (PEP 668)"
    return None if found[1] in extras else "no such extra"


def _python(call: Call, _: Path) -> str | None:
    """Only what makes a venv is told of it."""
    return None if len(call.words) == len(("-m", "venv", "DIRECTORY")) else "no venv has such options"


def _curl(call: Call, _: Path) -> str | None:
    """Listings of events alone; the end-to-end test of the getting-started page asks a real ingest."""
    address = urlsplit(call.words[-1])
    if address.path != "/v1/events":
        return f"nothing knows {address.path}"
    try:
        parsed(Listing, QueryParams(address.query))
    except Refused as refused:
        return str(refused)
    return None


def _docker(call: Call, folder: Path) -> str | None:
    if call.words[0] != "build":
        known = {variable(one.name) for one in SETTINGS} | {PREFIX + name.upper() for name in Settings.model_fields}
        set_here = {word.partition("=")[0] for word in _after("-e", call)}
        return f"no such settings: {set_here - known}" if set_here - known else _unrun(call, folder)
    stages = re.findall(r"^FROM .* AS (\w+)$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    wrong = [target for target in _after("--target", call) if target not in stages]
    return f"no such target: {wrong}" if wrong or call.words[-1] != "." else _odd_options("docker", call.words)


def _unrun(call: Call, folder: Path) -> str | None:
    """What nobody runs: its verb is known, its files are there, and what it has the sensor do is done."""
    words = list(call.words)
    while words[0].startswith("-"):  # `kubectl -n NAMESPACE VERB`
        del words[:2]
    if words[0] not in NOT_RUN[call.program]:
        return f"nothing knows {call.program} {words[0]}"
    if odd := _odd_options(call.program, words):
        return odd
    files = [file for option in FILE_OPTIONS for file in _after(option, call) if file != "-" and words[0] != "logs"]
    if absent := [file for file in files if not (folder / file).exists()]:
        return f"no such files: {absent}"
    if call.given and re.search(r"CA_BUNDLE|^$", call.given):
        return "what it was given is not finished"
    command = words[words.index("--") + 1 :] if "--" in words else words[2:]  # as kubectl has it, or docker
    return _inner(tuple(command[1:])) if words[0] == "exec" and command[0] == "fargate-sensor" else None


def _odd_options(program: str, words: Sequence[str]) -> str | None:
    """What is after `--`, or what `exec` runs, is another program's."""
    own = words[: words.index("--")] if "--" in words else [] if words[0] == "exec" else words
    named = {word.partition("=")[0] for word in own if re.match("--.", word)}
    odd = named - OPTIONS.get(f"{program} {words[0]}", set())
    return f"no such options: {sorted(odd)}" if odd else None


def _after(option: str, call: Call) -> list[str]:
    return [value for word, value in zip(call.words, call.words[1:], strict=False) if word == option]


@cache
def _inner(words: tuple[str, ...]) -> str | None:
    """A command of the sensor's own container, run here."""
    quick = ["1" if before == "--for" else word for before, word in zip(("", *words), words, strict=False)]
    sensor = Path(sys.executable).with_name("fargate-sensor")
    done = subprocess.run([sensor, *quick], capture_output=True, text=True, timeout=60, check=False)
    unknown = [line for line in done.stdout.splitlines() if "no such setting" in line]  # `doctor` says it as a finding
    return "; ".join(unknown) or _sensor(Call("fargate-sensor", words, "", done.returncode, done.stderr), PROJECT)


_PROGRAMS: Mapping[str, Callable[[Call, Path], str | None]] = {
    "aws": _aws,
    "curl": _curl,
    "docker": _docker,
    "eksctl": _unrun,
    "fargate-sensor": _sensor,
    "helm": _helm,
    "kind": _unrun,
    "kubectl": _unrun,
    "make": _make,
    "pip": _pip,
    "python3": _python,
}
