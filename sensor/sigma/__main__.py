"""`python -m sensor.sigma PATH…`: compile users' rules and write the compact form to standard output.

A child of the sensor, and the only process that reads what others wrote as rules: it works within limits of its own,
and whatever happens to it costs those rules only.
"""

import os
import resource
import sys
from pathlib import Path

CPU_S = 240
MEMORY = 512 * 1024 * 1024
NICE = 10


def main() -> int:
    """Compile; problems are part of what is written."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))

    from sensor.detect.compact import pack
    from sensor.sigma.compiler import compile_paths

    sys.stdout.buffer.write(pack(compile_paths(map(Path, sys.argv[1:]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
