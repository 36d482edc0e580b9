"""Directories that nobody may list, for root too, as whom the tests may run."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest


def close(folders: set[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the system refuses to list these."""
    listed = os.scandir

    def refused(folder: Any) -> Any:
        if Path(folder) in folders:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refused)
