"""Every error that crosses a seam.

SensorError
├── ProcessGone            the process ended before it could be read: normal, counted, never logged
├── AccessDenied           the kernel refused the read; names the file and the reason
├── MalformedEvent         bytes or fields that are no event or batch of ours; says what and where
├── UnknownSchema          a schema number this version does not understand
├── WrongConfiguration     one or more settings are wrong; carries all of them
└── DeliveryError
    ├── RetryableError     the destination could not take it now; try again
    └── PermanentError     the destination will never take it as it is
        └── DestinationGone    nor anything else: the reader of a pipe has left
"""

from collections.abc import Sequence


class SensorError(Exception):
    """Base of all errors raised on purpose by this project."""


class ProcessGone(SensorError):
    """The process ended, or its PID went to another one, before it was read."""


class AccessDenied(SensorError):
    """The kernel refused a read that needs more rights than the sensor has."""


class MalformedEvent(SensorError):
    """Input that is no event or batch of ours. The text says where in it, and what was expected."""


class UnknownSchema(MalformedEvent):
    """The schema number is newer than this version, or older than the two before it."""


class WrongConfiguration(SensorError):
    """All that is wrong with the configuration, one line for each wrong key."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class DeliveryError(SensorError):
    """A destination did not take what was sent."""


class RetryableError(DeliveryError):
    """The destination may take it later; `retry_after` is the wait in seconds that it asked for, if any."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class PermanentError(DeliveryError):
    """Sending the same again cannot succeed; the text is the destination's reason."""


class DestinationGone(PermanentError):
    """The destination will never take anything again, so its delivery ends and whoever runs it decides what then."""
