"""How closely the sensor looks: whole, or with something given up to keep to its CPU budget.

The governor (`sensor.telemetry.governor`) sets the level; whoever does the work asks before it does it.
"""

from enum import StrEnum


class Step(StrEnum):
    """What is given up, in this order: the first two cost facts of an event, the later ones events or time."""

    HASHES = "hashes"
    """Programs and files that were not hashed before have no SHA-256."""
    SETTLING = "settling"
    """A process that has told its program is read again three times fewer: a next one within 0.1 s may be missed."""
    FILE_OPENS = "file_opens"
    """`file.open` goes no further than detection, and is counted as lost (`given_up`)."""
    FOLDING = "folding"
    """What happens again in nearly the same way becomes one event a minute, as with a used-up volume budget."""
    TICK = "tick"
    """The timer that looks for new processes rests for a quarter of a second; hints of opened programs go on."""


STEPS = tuple(Step)
MOST = len(STEPS)


class Resolution:
    """Shared by all who look. At `level` n the first n of `STEPS` are given up."""

    def __init__(self) -> None:
        self.given_up: tuple[Step, ...] = ()

    @property
    def level(self) -> int:
        """From 0, whole, to `MOST`."""
        return len(self.given_up)

    @level.setter
    def level(self, level: int) -> None:
        self.given_up = STEPS[:level]

    def gives_up(self, step: Step) -> bool:
        """Whether that is not to be done now."""
        return step in self.given_up
