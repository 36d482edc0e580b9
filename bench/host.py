"""The machine that a benchmark ran on."""

import os
import platform


def host() -> str:
    """Kernel, architecture and cores."""
    return f"kernel {platform.release()}, {platform.machine()}, {os.cpu_count()} cores"
