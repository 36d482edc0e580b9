from typing import Any

from sensor.app.identity import PodNames
from sensor.containers.names import ContainerNames
from sensor.model.events import Container, Sensor


class NamesItsContainers:
    def pod_container_name(self, container_id: str) -> str | None:
        return {"c1": "app", "c2": "proxy"}.get(container_id)


def test_a_container_gets_its_name_and_the_image_that_was_handed_over() -> None:
    names, task = ContainerNames(sensor=Sensor("s", "e", "0"), platform="kubernetes"), NamesItsContainers()
    fake: Any = task
    listener = PodNames(fake, names, (("app", "shop:1.4"),))
    for container_id in ("c1", "c2", "c3"):
        listener.container_started(container_id)
    assert names.container("c1") == Container("c1", "app", "shop:1.4")
    assert names.container("c2") == Container("c2", "proxy")
    assert names.container("c3") == Container("c3")
