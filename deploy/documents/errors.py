"""What is wrong with a document, in one line with its place."""

from sensor.model.errors import SensorError


class MalformedDocument(SensorError):
    """The text is none that can be worked on. `line` counts from 1 and is None where it cannot be known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line

    def told(self, name: str) -> str:
        """`task.json:7: reason`, or without the line."""
        return f"{name}:{self.line}: {self}" if self.line is not None else f"{name}: {self}"

    def moved(self, lines: int) -> "MalformedDocument":
        """The same of a text with so many lines in front."""
        return MalformedDocument(str(self), None if self.line is None else self.line + lines)
