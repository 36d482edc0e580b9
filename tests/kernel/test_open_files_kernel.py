"""Who holds a file is found without a question to the file systems of all the others."""

import os
import time
from pathlib import Path

import pytest
from hung_mounts import HUNG_S, hung_mounts
from needs import Need

from collectors.open_files import openings
from collectors.procfs import Procfs
from collectors.socket_links import holds

pytestmark = pytest.mark.kernel


def test_a_file_system_that_hangs_holds_up_nobody(tmp_path: Path, need: Need) -> None:
    mount, file = tmp_path / "mount", tmp_path / "file"
    mount.mkdir()
    file.write_text("hello")
    status, started = file.stat(), time.monotonic()
    with hung_mounts([mount], need):
        on_it, beside_it = os.open(mount, os.O_PATH), os.open(file, os.O_RDONLY)
        try:
            assert holds(Procfs(), os.getpid(), status.st_dev, status.st_ino)
            assert not holds(Procfs(), os.getpid(), status.st_dev, status.st_ino + 1)
            (found,) = openings(Procfs(), os.getpid(), status.st_dev, status.st_ino)
        finally:
            os.close(on_it)
            os.close(beside_it)
    assert (found.number, found.position, found.size) == (beside_it, 0, len("hello"))
    assert time.monotonic() - started < HUNG_S / 2
