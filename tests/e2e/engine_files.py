"""Files on the engine's side, which need not be this machine, to be mounted into containers one by one."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docker_cli import BASE, LABEL, docker
from lab import temporary_volume

WRITE = """
import json, pathlib, sys
for name, text in json.loads(sys.argv[1]).items():
    path = pathlib.Path("/there", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        path.mkdir()
        path.chmod(0o777)
    else:
        path.write_text(text)
        path.chmod(0o666)
"""

Files = Mapping[str, str | None]
"""Content by path; None makes a directory. Everybody may write all of them."""


@contextmanager
def engine_files(files: Files) -> Iterator[str]:
    """The path, for the engine, of a directory that has these files while the block runs."""
    with temporary_volume() as volume:
        options = ["--rm", "--label", LABEL, "--network=none", f"--volume={volume}:/there"]
        docker("run", *options, BASE, "python3", "-c", WRITE, json.dumps(files))
        yield docker("volume", "inspect", "--format={{.Mountpoint}}", volume)


def mounted(source: str, target: str, *, read_only: bool = False) -> str:
    """docker's option for one of them."""
    return f"--mount=type=bind,source={source},target={target}{',readonly' if read_only else ''}"
