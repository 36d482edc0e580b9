"""What tells one finding from another while the lines of its file come and go."""

import os
from hashlib import sha256
from pathlib import PurePath

from deploy.checks.check import Finding


def fingerprint(finding: Finding) -> str:
    """The same for the same flaw as lines come and go; made of names, never of values.

    Two flaws of one kind in subjects of one name share it: who compares has to count.
    """
    parts = (finding.check.id, portable(finding.file), finding.subject, finding.flaw.key)
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def portable(file: str) -> str:
    """The file's path from the working directory, with slashes, however it was named."""
    return PurePath(os.path.relpath(file)).as_posix()
