"""What the task view, the process cursor and the tracing collector ask of one another."""

from typing import Protocol

from collectors.process_table import Tracked
from sensor.model.events import Timestamp


class Follower(Protocol):
    """What the process collector can be asked while it runs."""

    def is_up_to_date(self) -> bool:
        """See `protocols.TaskView`."""
        ...

    def catch_up(self) -> None:
        """See `protocols.TaskView`."""
        ...

    def ran(self, process: Tracked, at: Timestamp) -> None:
        """A tracer has seen the process begin the program that is in it now, and all that there is to know of it."""
        ...


class Tracing(Protocol):
    """What the collector that traces can be asked while it does."""

    active: bool
    """False of what stands in for it while nothing is traced."""

    def claims(self, pid: int) -> bool:
        """Whether the number is one that the tracer has told of; asked once for each, when it was handed out."""
        ...

    def follows(self, process: Tracked) -> bool:
        """Whether the tracer follows the process, and so tells of its children."""
        ...

    def tells_end(self, process: Tracked, status: int | None) -> bool:
        """Whether the tracer has told the end of the process, or will; it was seen just now, with this wait status if
        that is known."""
        ...

    def found(self, process: Tracked) -> None:
        """A process is there that the tracer has not told of: it is to be attached to."""
        ...

    def drain(self) -> None:
        """Take in all that the tracer has told by now."""
        ...


class _Untraced:
    """Nothing is traced."""

    active = False

    def claims(self, pid: int) -> bool:  # noqa: ARG002 - what stands in for another takes what that takes
        """Never."""
        return False

    def follows(self, process: Tracked) -> bool:  # noqa: ARG002 - the same
        """Never."""
        return False

    def tells_end(self, process: Tracked, status: int | None) -> bool:  # noqa: ARG002 - the same
        """Never."""
        return False

    def found(self, process: Tracked) -> None:
        """Nobody would attach to it."""

    def drain(self) -> None:
        """Nothing is told."""


UNTRACED: Tracing = _Untraced()
