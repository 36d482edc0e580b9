import pytest

from sensor.containers.names import MOST_GIVEN, ContainerNames, pod_of
from sensor.containers.task_metadata import TaskMetadata
from sensor.model.events import Container, Header, Pod, Sensor, Task

SENSOR = Sensor("ecs-1", "epoch", "0.1.0")
APP = Container("c1", "app", "shop:1.4", "sha256:6c0a")
TASK = Task("ecs-fargate", "123456789012", "eu-central-1", "production", "arn")
POD = Pod("shop", "shop-1", "4eede96e", "fargate-1", "default", {"app": "shop"})


def names(pod: Pod | None = None) -> ContainerNames:
    return ContainerNames(sensor=SENSOR, platform="ecs-fargate", pod=pod)


def test_before_an_answer_the_id_speaks_and_the_header_has_the_platform() -> None:
    known = names()
    assert known.container("c1") == Container("c1")
    assert known.header() == Header(SENSOR, task=Task("ecs-fargate"))


def test_what_was_learnt_names_containers_and_task() -> None:
    known = names()
    known.learn(TaskMetadata(TASK, {"c1": APP}))
    assert known.container("c1") == APP
    assert known.header() == Header(SENSOR, task=TASK)


def test_metadata_without_a_launch_type_leaves_the_platform() -> None:
    known = names()
    known.learn(TaskMetadata(TASK._replace(platform="ecs"), {}))
    assert known.header().task == TASK


def test_metadata_with_a_launch_type_tells_the_platform() -> None:
    known = ContainerNames(sensor=SENSOR, platform="ecs")
    known.learn(TaskMetadata(TASK, {}))
    assert known.header().task == TASK


def test_containers_that_are_gone_stay_named() -> None:
    known = names()
    known.learn(TaskMetadata(TASK, {"c1": APP}))
    known.learn(TaskMetadata(TASK, {}))
    assert known.container("c1") == APP


def test_only_containers_without_a_name_are_asked_for() -> None:
    known, asked = names(), list[str]()
    known.ask_through(asked.append)
    known.learn(TaskMetadata(TASK, {"c1": APP}))
    known.give("c2", "web")
    for container_id in ("c1", "c2", "c3"):
        known.container(container_id)
    assert asked == ["c3"]


def test_a_name_that_was_handed_over() -> None:
    known = names(POD)
    known.give("c2", "web")
    assert known.container("c2") == Container("c2", "web")


def test_a_name_and_an_image_that_were_handed_over() -> None:
    known = names(POD)
    known.give("c2", "web", "shop:1.4")
    assert known.container("c2") == Container("c2", "web", "shop:1.4")


def test_the_metadata_knows_better_than_what_was_handed_over() -> None:
    known = names()
    known.give("c1", "other")
    known.learn(TaskMetadata(TASK, {"c1": APP}))
    assert known.container("c1") == APP


def test_names_are_bounded() -> None:
    known = names()
    for i in range(MOST_GIVEN + 1):
        known.give(f"c{i}", "name")
    assert known.container("c0").name is None
    assert known.container(f"c{MOST_GIVEN}").name == "name"
    known.give("c1", "name")
    known.give("another", "name")
    assert known.container("c1").name == "name"
    assert known.container("c2").name is None


def test_a_pod_stands_instead_of_the_task() -> None:
    assert names(POD).header() == Header(SENSOR, pod=POD)


@pytest.mark.parametrize("lacking", ["namespace", "name", "uid"])
def test_a_pod_needs_namespace_name_and_uid(lacking: str) -> None:
    fields = {
        "namespace": "shop",
        "name": "shop-1",
        "uid": "4eede96e",
        "node": "fargate-1",
        "service_account": "default",
        "labels": {"app": "shop"},
    }
    assert pod_of(**fields) == POD
    assert pod_of(**(fields | {lacking: None})) is None


def test_a_name_is_awaited_where_it_can_be_asked_for_and_is_not_known() -> None:
    known = names()
    assert not known.awaited("c1"), "nobody to ask"
    asked: list[str] = []
    known.ask_through(lambda container_id: bool(asked.append(container_id) or container_id == "c1"))
    assert (known.awaited("c1"), known.awaited("c2")) == (True, False)
    known.learn(TaskMetadata(TASK, {"c1": APP}))
    known.give("c2", "side")
    assert (known.awaited("c1"), known.awaited("c2"), asked) == (False, False, ["c1", "c2"])
