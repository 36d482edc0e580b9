"""A tracer that does nothing but let go on: what stopping at fork, clone and exec costs by itself, in this language.

`python bench/trace_floor.py PID` follows a process and its descendants until all have ended, like the sensor's tracer,
of which it uses the waiting and the requests; it reads nothing and tells nothing.
"""

import sys

from collectors.tracer import ptrace


def follow(pid: int) -> None:
    """Raises OSError where the process may not be followed."""
    ptrace.seize(pid)
    while True:
        try:
            found = ptrace.fetch(ptrace.wait())
        except ChildProcessError:
            return
        if found is None or not ptrace.is_stop(found[1]):
            continue
        tid, status = found
        ptrace.resume(tid, 0 if status >> 16 else status >> 8)


if __name__ == "__main__":
    follow(int(sys.argv[1]))
