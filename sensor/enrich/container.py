"""The step that gives an event's container its name and image."""

from sensor.containers.names import ContainerNames
from sensor.model.events import Event, with_field

_CONTAINER = Event._fields.index("container")


class ContainerStep:
    """Collectors know ids only; what is called how stands in `ContainerNames`."""

    def __init__(self, names: ContainerNames) -> None:
        self._names = names

    def __call__(self, event: Event) -> Event:
        """The event with its container as it is known."""
        if event.container is None or event.container.name is not None:
            return event
        found = self._names.container(event.container.id)
        return event if found == event.container else with_field(event, _CONTAINER, found)
