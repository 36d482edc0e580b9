"""A mapping of a document, each field taken as the type that it must have, in whichever spelling the source uses."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from deploy.checks.holes import has_hole, is_hole
from deploy.checks.marks import Path

Spelling = Callable[[str], str]
"""From the name of a field in the ECS API to the one in the document."""


class Unknown:
    """Stands for a value that is only known at deployment."""


UNKNOWN = Unknown()

_SNAKE = {"volumes": "volume", "sizeInGiB": "size_in_gib"}
_PASCAL = {"efsVolumeConfiguration": "EFSVolumeConfiguration", "iam": "IAM"}


def camel(name: str) -> str:
    """The ECS API's own, and Kubernetes'."""
    return name


def pascal(name: str) -> str:
    """CloudFormation's."""
    return _PASCAL.get(name, name[:1].upper() + name[1:])


def snake(name: str) -> str:
    """Terraform's; a block that may stand more than once has its name in the singular."""
    return _SNAKE.get(name) or re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


class Reading:
    """What the sections of one subject share: how names are spelt, what is unknown, wrong and not looked into."""

    def __init__(self, spelling: Spelling = camel, resolve: Callable[[Any], Any] = lambda value: value) -> None:
        self.spelling = spelling
        self.resolve = resolve
        self.unknown: set[str] = set()
        self.wrong: list[tuple[Path, str]] = []
        self.passed_over: list[tuple[Path, str]] = []


class Section:
    """One mapping; what is absent is None, what has another type is told and counts as unknown."""

    def __init__(self, content: Any, path: Path, reading: Reading, name: str = "") -> None:
        self.content = content if isinstance(content, dict) else {}
        self.path = path
        self.reading = reading
        self._name = name

    def alone(self) -> "Section":
        """The same mapping with unknowns of its own; what is wrong in it is still told with the rest."""
        reading = Reading(self.reading.spelling, self.reading.resolve)
        reading.wrong = self.reading.wrong
        return Section(self.content, self.path, reading, self._name)

    def unknown(self) -> set[str]:
        """What is unknown in a section that is alone, each by its name in it."""
        return {name.removeprefix(f"{self._name}.") for name in self.reading.unknown}

    def place(self, key: str) -> Path:
        """The path of a field."""
        return (*self.path, self.reading.spelling(key))

    def raw(self, key: str) -> Any:
        """The value with references resolved: None where it is absent or unknown."""
        value = self.reading.resolve(self.content.get(self.reading.spelling(key)))
        if value is UNKNOWN:
            self.reading.unknown.add(self._dotted(key))
            return None
        return value

    def whole(self, key: str) -> Any:
        """The value as `raw` has it; a text with a hole in it is unknown."""
        value = self.raw(key)
        if has_hole(value):
            self.reading.unknown.add(self._dotted(key))
            return None
        return value

    def text(self, key: str) -> str | None:
        """Text, holes and all; a number is taken for text, and by CloudFormation true and false are."""
        return self._as_text(key, self.raw(key))

    def decided(self, key: str) -> str | None:
        """Text that is known whole."""
        return self._as_text(key, self.whole(key))

    def _as_text(self, key: str, value: Any) -> str | None:
        if isinstance(value, bool) and self.reading.spelling is pascal:
            return str(value).lower()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else self._absent(key, value, "text")

    def flag(self, key: str) -> bool | None:
        """True or false; CloudFormation takes them as text too."""
        value = self.whole(key)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        return value if isinstance(value, bool) else self._absent(key, value, "true or false")

    def number(self, key: str) -> int | None:
        """A whole number, or one written as text."""
        value = self.whole(key)
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._absent(key, value, "a whole number")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of text; it is unknown where nothing in it is known."""
        value = self.raw(key)
        if not isinstance(value, list):
            return self._absent(key, value, "a list") or ()
        items = [UNKNOWN if is_hole(one) else one for one in map(self.reading.resolve, value)]
        known = tuple(str(one) for one in items if isinstance(one, str | int | float))
        if UNKNOWN in items and not known:
            self.reading.unknown.add(self._dotted(key))
        return known

    def section(self, key: str) -> "Section":
        """A mapping within; an empty one where there is none. Terraform writes a block as a list of one."""
        value = self.raw(key)
        path, name = self.place(key), self._dotted(key)
        if isinstance(value, list) and self.reading.spelling is snake:
            value, path = (value[0] if value else None), (*path, 0)
        if value is UNKNOWN:
            self.reading.unknown.add(name)
        elif value is not None and not isinstance(value, dict):
            self._absent(key, value, "a mapping")
        return Section(value, path, self.reading, name)

    def sections(self, key: str) -> Iterator["Section"]:
        """The mappings in a list."""
        value = self.raw(key)
        if not isinstance(value, list):
            self._absent(key, value, "a list")
            return
        for number, one in enumerate(value):
            one = self.reading.resolve(one)
            path = (*self.place(key), number)
            if one is UNKNOWN:
                self.reading.unknown.add(self._dotted(key))
            elif isinstance(one, dict):
                yield Section(one, path, self.reading, self._dotted(key))
            elif one is not None:
                self.reading.wrong.append((path, f"{self._dotted(key)}[{number}] must be a mapping"))

    def _dotted(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _absent(self, key: str, value: Any, expected: str) -> Any:
        """Always None, after a value of the wrong type was told."""
        if value is not None:
            self.reading.unknown.add(self._dotted(key))
            self.reading.wrong.append((self.place(key), f"{self._dotted(key)} must be {expected}"))
        return None
