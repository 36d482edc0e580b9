"""How YAML is written: as ruamel.yaml does it, but for comments behind something."""

from typing import Any

from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken


class Emitter(RoundTripEmitter):
    """Keeps a comment's distance to what stands before it, not its column: a line that grows and shrinks again would
    leave it far to the right."""

    def write_comment(self, comment: Any, pre: bool = False) -> None:
        """`pre` is a comment on lines of its own."""
        if self.column and not pre and (distance := _distance(comment.start_mark)):
            comment = CommentToken(comment.value, CommentMark(self.column + distance))
        super().write_comment(comment, pre)


def _distance(mark: Any) -> int:
    """The spaces in front of a comment in the text that was read; 0 where nothing else is in front of it."""
    before: str = mark.buffer[: mark.pointer].rpartition("\n")[2]
    return len(before) - len(before.rstrip()) if before.strip() else 0
