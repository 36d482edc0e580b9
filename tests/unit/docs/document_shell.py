"""The commands of the documents, run by bash with stand-ins for all that needs a cluster, an account or an engine.

bash itself takes them apart: variables, loops, pipes and quotes are as a reader's shell has them. On PATH are the
stand-ins and `REAL`, so a program that nothing knows is "command not found".
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[3]
REAL = ("base64", "openssl", "sed", "sh", "sleep")
STOOD_IN = ("aws", "curl", "docker", "eksctl", "fargate-sensor", "helm", "kind", "kubectl", "make", "pip", "python3")
SHELLS = {"sh", "bash", "console", "shell"}
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4}[^\n]*\n|\n(?= {4}))+")
DATA = PROJECT / "tests" / "data"
FILES = {
    "task.json": "task_definitions/single.json",
    "template.yaml": "task_definitions/plain.template.yaml",
    "templates/app.yaml": "task_definitions/sam.template.yaml",
    "plan.json": "checks/bad/stop-timeout.json",
    "manifests/shop.yaml": "manifests/shop.yaml",
    "shop.yaml": "manifests/shop.yaml",
    "chart/templates/shop.yaml": "manifests/shop.yaml",
}
"""What a reader of the documents has, and what of `tests/data` is it here."""

STAND_IN = """\
#!{python} -IS
import json, os, shutil, subprocess, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
venv = ".venv" if name == "make" else words[2] if words[:2] == ["-m", "venv"] else None
if venv:
    os.makedirs(venv + "/bin", exist_ok=True)
    shutil.copy({sensor_stand_in!r}, venv + "/bin/fargate-sensor")
    with open(venv + "/bin/activate", "w") as activate:
        activate.write("export VIRTUAL_ENV=" + venv)
elif name == "python3":
    os.execv({python!r}, [name, *words])
given = sys.stdin.read() if "-" in words or "--password-stdin" in words else ""
call = {{"program": name, "words": words, "given": given, "venv": os.environ.get("VIRTUAL_ENV", "")}}
if name == "fargate-sensor":
    done = subprocess.run([{sensor!r}, *words], input=given, capture_output=True, text=True, timeout=60)
    call |= {{"code": done.returncode, "said": done.stderr}}
    sys.stdout.write(done.stdout)
elif words[:1] == ["template"]:
    sys.stdout.write(open(words[2] + "/templates/shop.yaml").read())
elif "--raw" in words:
    sys.stdout.write('{{"keys": []}}')
elif "get-login-password" in words:
    sys.stdout.write("password")
with open({log!r}, "a") as log:
    log.write(json.dumps(call) + "\\n")
"""
"""`fargate-sensor` is the real one, whose exit code is kept and does not end the block; the others only tell.

`make` and `python3 -m venv` leave as much of a venv as the documents use; else `python3` is the real one too."""


class Call(NamedTuple):
    """How a program was called, in which venv; `code` and `said` (standard error) are those of `fargate-sensor`."""

    program: str
    words: Sequence[str]
    given: str
    code: int | None = None
    said: str = ""
    venv: str = ""


def blocks(text: str) -> list[str]:
    """The fenced blocks of a shell and the indented ones, in their order; a prompt `$ ` is taken off."""
    fenced = [(found.start(), found[2]) for found in FENCE.finditer(text) if found[1] in SHELLS]
    outside = FENCE.sub(lambda found: re.sub(r"[^\n]", "x", found[0]), text)
    indented = [(found.start(), found[0]) for found in INDENTED.finditer(outside) if found[0].strip()]
    return [re.sub(r"^( {4})?(\$ )?", "", block, flags=re.MULTILINE) for _, block in sorted(fenced + indented)]


class Workplace:
    """A folder with the files that the documents name, and a PATH of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._bin, self._log = folder / "checkout", folder / "bin", folder / "calls"
        for path in (self.folder, self._bin, self.folder / "chart" / "templates"):
            path.mkdir(parents=True)
        self._lay_out()
        (self.folder / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
        for name in REAL:
            (self._bin / name).symlink_to(shutil.which(name) or name)
        sensor = str(Path(sys.executable).with_name("fargate-sensor"))
        mine = str(self._bin / "fargate-sensor")
        text = STAND_IN.format(python=sys.executable, sensor=sensor, sensor_stand_in=mine, log=str(self._log))
        for name in STOOD_IN:
            stand_in = self._bin / name
            stand_in.write_text(text)
            stand_in.chmod(0o755)

    def _lay_out(self) -> None:
        for name in ("Dockerfile", "helm"):
            (self.folder / name).symlink_to(PROJECT / name)
        shutil.copytree(PROJECT / "task-definitions", self.folder / "task-definitions")
        rules = self.folder / "my-rules"
        rules.mkdir()
        shutil.copy(PROJECT / "rules" / "account_file.yml", rules)
        for name, source in FILES.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(DATA / source, self.folder / name)
        (manifest,) = re.findall(r"with this as `webhook.yaml`:\n\n```yaml\n(.*?)```", _eks(), re.DOTALL)
        (self.folder / "webhook.yaml").write_text(manifest, encoding="utf-8")

    def run(self, block: str) -> tuple[list[Call], str]:
        """What a block called, and what is wrong with it as a whole: nothing, or bash's words."""
        self._log.write_text("")
        names = {"PATH": str(self._bin), "HOME": str(self.folder)}
        environment = {**names, "INGEST_READ_TOKEN": "read-token", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", block + "\nwait"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        calls = [Call(**json.loads(line)) for line in self._log.read_text().splitlines()]
        return calls, f"exit {done.returncode}: {done.stderr}" if done.returncode else ""


def _eks() -> str:
    return (PROJECT / "docs" / "eks.md").read_text(encoding="utf-8")
