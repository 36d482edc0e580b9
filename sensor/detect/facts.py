"""What rules ask of one event, got when the first one asks and kept for the others."""

from collections.abc import Callable, Mapping
from typing import Any

from sensor.model.events import Event, Header, Process

Value = str | int | float | bool | tuple[str, ...] | None

Form = Callable[["Facts"], Any]
"""One form of one field: its value, its text, or its text in lower case."""


class Facts(dict[str, Any]):
    """The forms of an event's fields by their keys (`sensor.detect.forms`). Only those that a rule named are known.

    `header_of` has the task or pod; `parent_of` answers for the process above the event's, as it is known by now. Few
    rules ask for either. `written` are those of the event as it is, where `event` is another form of it.
    """

    __slots__ = ("event", "forms", "header_of", "parent_of", "written")

    def __init__(
        self,
        event: Event,
        forms: Mapping[str, Form],
        header_of: Callable[[], Header] | None = None,
        parent_of: Callable[[Event], Process | None] | None = None,
        written: "Facts | None" = None,
    ) -> None:
        self.event = event
        self.forms = forms
        self.header_of = header_of
        self.parent_of = parent_of
        self.written = written

    def __missing__(self, key: str) -> Any:
        value = self[key] = self.forms[key](self)
        return value

    def header(self) -> Header | None:
        """What stands once in a batch."""
        return self.header_of() if self.header_of is not None else None

    def parent(self) -> Process | None:
        """The process above the event's."""
        return self.parent_of(self.event) if self.parent_of is not None else None
