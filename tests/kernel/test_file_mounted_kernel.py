"""Files that a runtime mounts into a container one by one: the directory that they are mounted in sees none of their
changes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_scene import make_root
from file_still import Still
from needs import Need

pytestmark = pytest.mark.kernel

MOUNTED = ("etc/hosts", "etc/resolv.conf", "app/config.yml")


@pytest.fixture
def still(tmp_path: Path, need: Need) -> Iterator[Still]:
    root, host = make_root(tmp_path / "root", ["etc", "app"]), tmp_path / "host"
    host.mkdir()
    for name in MOUNTED:
        (root / name).touch()
        source = host / Path(name).name
        source.write_text("as it came\n")
        mounted = subprocess.run(["mount", "--bind", str(source), str(root / name)], check=False)
        need(mounted.returncode == 0, "the right to mount")
    still = Still(root, ["/app/config.yml"])
    still.start()
    yield still
    still.close()
    for name in MOUNTED:
        subprocess.run(["umount", "--lazy", str(root / name)], check=False)  # a test may have done so


@pytest.mark.parametrize("name", MOUNTED)
def test_what_is_written_to_a_mounted_file_is_told_once(still: Still, name: str) -> None:
    with (still.root / name).open("a") as file:
        file.write("6.6.6.6 api\n")
    still.work()
    assert [(e.kind, e.file and e.file.path) for e in still.emitted.events] == [("file.modify", f"/{name}")]
    assert still.watch.folded == 0


@pytest.mark.parametrize("name", MOUNTED)
def test_a_mounted_file_is_watched_after_a_comparison_too(still: Still, name: str) -> None:
    still.watch.compare()
    still.work()
    still.emitted.events.clear()
    (still.root / name).chmod(0o777)
    still.work()
    assert still.told() == {("attributes", f"/{name}")}


def test_a_named_file_that_gives_way_to_a_directory_is_followed(still: Still) -> None:
    named = still.root / "app/config.yml"
    subprocess.run(["umount", "--lazy", str(named)], check=True)
    still.work()
    named.unlink()
    named.mkdir()
    still.work()
    (named / "inner").touch()
    still.work()
    assert ("create", "/app/config.yml/inner") in still.told()
