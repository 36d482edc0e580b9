"""What changes, for a person at a terminal."""

from collections.abc import Iterator
from difflib import unified_diff

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def difference(before: str, after: str, name: str, *, colour: bool) -> Iterator[str]:
    """A unified diff, line by line. Control characters of the document do not reach the terminal."""
    lines = unified_diff(before.splitlines(), after.splitlines(), name, f"{name} with the change", lineterm="", n=2)
    for line in lines:
        shown = "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in line)
        paint = {"+": GREEN, "-": RED}.get(line[:1], "") if colour else ""
        yield f"{paint}{shown}{PLAIN if paint else ''}\n"
