"""Who this sensor is and which task it watches, worked out once at the start."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from collectors.procfs import Procfs
from collectors.task_view import Task
from sensor import __version__
from sensor.containers import pod_labels
from sensor.containers.instance import boot_id, new_epoch, sensor_id, task_id, task_instance
from sensor.containers.names import ContainerNames, pod_of
from sensor.containers.platform import detect
from sensor.model.clock import Clock
from sensor.model.events import Sensor

if TYPE_CHECKING:
    from sensor.config.handover import Handover
    from sensor.config.settings import Settings


def instance(settings: "Settings", environ: Mapping[str, str], procfs: Procfs) -> str:
    """The running task, for the entities of processes."""
    return task_instance(boot_id(procfs.read), task_id(environ), settings.pod_uid)


def container_names(handover: "Handover", environ: Mapping[str, str], task: Task, clock: Clock) -> ContainerNames:
    """The names of containers, and with them the header of every batch."""
    settings = handover.settings
    identity = sensor_id(
        task=task_id(environ),
        pod_uid=settings.pod_uid,
        own_container=task.own_container,
        boot=boot_id(task.procfs.read),
        pid_namespace=os.stat("/proc/self/ns/pid").st_ino,
    )
    sensor = Sensor(identity, new_epoch(clock), __version__, handover.digest)
    pod = pod_of(
        namespace=settings.pod_namespace,
        name=settings.pod_name,
        uid=settings.pod_uid,
        node=settings.node_name,
        service_account=settings.service_account,
        labels=pod_labels.read() if settings.pod_uid else {},
    )
    return ContainerNames(sensor=sensor, platform=detect(environ, task.own_container, settings.node_name), pod=pod)


class PodNames:
    """Learns what a pod calls its containers, as each is first seen. `images` are pairs of name and image."""

    def __init__(self, task: Task, names: ContainerNames, images: Iterable[tuple[str, ...]]) -> None:
        self._task = task
        self._names = names
        self._images = {name: image for name, image in images}  # noqa: C416 - dict() wants pairs by type

    def container_started(self, container_id: str) -> None:
        """Its mounts tell the name, in a pod."""
        if (name := self._task.pod_container_name(container_id)) is not None:
            self._names.give(container_id, name, self._images.get(name))

    def container_stopped(self, container_id: str) -> None:
        """Its name stays known for events that come late."""
