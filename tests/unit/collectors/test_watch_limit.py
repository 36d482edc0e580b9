"""A quarter of the kernel's inotify watches."""

from pathlib import Path

import pytest

from collectors.procfs import Procfs
from collectors.watch_limit import most_watches


@pytest.mark.parametrize(("content", "most"), [("1000\n", 250), (None, 2048), ("what?", 2048)])
def test_the_share_is_a_quarter_of_the_limit_or_of_the_usual_one(
    tmp_path: Path, content: str | None, most: int
) -> None:
    directory = tmp_path / "sys/fs/inotify"
    directory.mkdir(parents=True)
    if content is not None:
        (directory / "max_user_watches").write_text(content)
    assert most_watches(Procfs(str(tmp_path))) == most
