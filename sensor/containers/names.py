"""What the containers are called, and the header that names the task."""

from collections.abc import Callable, Mapping

from sensor.containers.platform import ECS
from sensor.containers.task_metadata import TaskMetadata
from sensor.model.events import Container, Header, Pod, Sensor, Task

MOST_GIVEN = 256


def pod_of(
    *,
    namespace: str | None,
    name: str | None,
    uid: str | None,
    node: str | None,
    service_account: str | None,
    labels: Mapping[str, str],
) -> Pod | None:
    """The pod by its downward API; None unless namespace, name and uid are all there."""
    return Pod(namespace, name, uid, node, service_account, labels) if namespace and name and uid else None


class ContainerNames:
    """Names by container id: the metadata's, or those handed over by `give`. Where there is none the id speaks.

    Without a pod the header has the task, which is no more than the platform until `learn` is called.
    """

    def __init__(self, *, sensor: Sensor, platform: str, pod: Pod | None = None) -> None:
        self._sensor = sensor
        self._pod = pod
        self._task = Task(platform)
        self._ask: Callable[[str], bool] | None = None
        self._known: dict[str, Container] = {}
        self._given: dict[str, Container] = {}

    def ask_through(self, ask: Callable[[str], bool]) -> None:
        """Call `ask` from now on for every container that is looked up and has no name; it says whether that is worth
        waiting for."""
        self._ask = ask

    def awaited(self, container_id: str) -> bool:
        """Whether the name of a container may be known in a moment. Asks for it."""
        if self._ask is None or container_id in self._known or container_id in self._given:
            return False
        return self._ask(container_id)

    def learn(self, found: TaskMetadata) -> None:
        """Take over the metadata; the ids of containers that are gone stay known, late events name them."""
        unsaid = found.task.platform == ECS
        self._task = found.task._replace(platform=self._task.platform) if unsaid else found.task
        for container in found.containers.values():
            _keep(self._known, container)

    def give(self, container_id: str, name: str, image: str | None = None) -> None:
        """A name from elsewhere, such as a pod's own files, and the image where it was handed over."""
        _keep(self._given, Container(container_id, name, image))

    def container(self, container_id: str) -> Container:
        """All that is known of a container."""
        found = self._known.get(container_id) or self._given.get(container_id)
        if found is not None:
            return found
        if self._ask is not None:
            self._ask(container_id)
        return Container(container_id)

    def header(self) -> Header:
        """What stands once in a batch: the pod where there is one, else the task or what stands in for one."""
        if self._pod is not None:
            return Header(self._sensor, pod=self._pod)
        return Header(self._sensor, task=self._task)


def _keep(names: dict[str, Container], container: Container) -> None:
    """Bounded: the one that was known longest goes first."""
    names.pop(container.id, None)
    names[container.id] = container
    if len(names) > MOST_GIVEN:
        del names[next(iter(names))]
