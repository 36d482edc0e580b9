"""Ways to stay in a container are told from where they lie, and cost few watches."""

from pathlib import Path

import pytest
from file_scene import make_root, watching

from sensor.model.kinds import Kind

pytestmark = pytest.mark.kernel

PYTHON = "usr/local/lib/python3.12/site-packages"


async def test_they_are_told_and_a_library_among_them_is_marked(tmp_path: Path) -> None:
    root = make_root(tmp_path, ["etc/apt/apt.conf.d", "usr/lib/x86_64-linux-gnu/security", PYTHON, "etc"])
    async with watching(root) as scene:
        for name in ("etc/apt/apt.conf.d/99x", f"{PYTHON}/x.pth", f"{PYTHON}/x.py"):
            (root / name).write_text("x")
        module = root / "usr/lib/x86_64-linux-gnu/security/pam_x.so"
        module.write_text("x")
        module.chmod(0o644)
        await scene.tells("/etc/apt/apt.conf.d/99x", Kind.FILE_CREATE)
        await scene.tells(f"/{PYTHON}/x.pth", Kind.FILE_CREATE)
        event = await scene.tells("/usr/lib/x86_64-linux-gnu/security/pam_x.so", Kind.FILE_MODIFY)
        assert event.file is not None
        assert event.file.drift
        assert not scene.told(f"/{PYTHON}/x.py")


async def test_where_lib_is_a_link_a_library_is_told_once(tmp_path: Path) -> None:
    root = make_root(tmp_path, ["etc", "usr/lib/x86_64-linux-gnu/security"])
    (root / "lib").symlink_to("usr/lib")
    async with watching(root) as scene:
        for name in ("libx.so", "security/pam_x.so"):
            (root / "usr/lib/x86_64-linux-gnu" / name).touch()
        await scene.is_told()
        told = sorted(e.file.path for e in scene.emitted.of(Kind.FILE_CREATE) if e.file and ".so" in e.file.path)
        assert told == ["/usr/lib/x86_64-linux-gnu/libx.so", "/usr/lib/x86_64-linux-gnu/security/pam_x.so"]
