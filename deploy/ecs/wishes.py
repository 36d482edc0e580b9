"""What is asked of an injection. What is not said stays as an earlier injection has left it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.sidecar.destinations import Destination


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `fargate-sensor inject ecs`."""

    image: str | None = None
    destinations: tuple[Destination, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """More `SENSOR_*` variables."""
    token_secret: str | None = None
    """ARN of the secret or parameter that holds the ingest's write token."""
    depends_on: bool | None = None
    """Whether the app's containers wait until the sensor has started; None: as before, at first yes."""
    spool: bool | None = None
    """Whether batches wait on a volume as well; None: as before, at first yes."""
    allow_resize: bool = False
