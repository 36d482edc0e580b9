"""Aliases and merge keys: what is changed in one place stays as it was in all others."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from task_definitions import FOLDER, WISHES, injected, removed, requests

from deploy.documents.shared import WRITTEN_OUT, Shared, copied, drop
from deploy.documents.stream import Stream
from deploy.documents.yaml_text import YamlText
from deploy.ecs.document import read
from deploy.ecs.inject import inject
from deploy.ecs.remove import remove
from deploy.pod import manifest
from deploy.pod.rewrite import put_in, take_out
from deploy.pod.wishes import Wishes

TASKS = (FOLDER / "anchors.template.yaml").read_bytes()
PODS = (Path(__file__).parents[3] / "data" / "manifests" / "merge_keys.yaml").read_bytes()
POD_WISHES = Wishes("registry.example.org/fargate-sensor:1", WISHES.destinations)


def plain(document: YamlText, data: Any) -> Any:
    """What the text says to another reader."""
    return yaml.safe_load(document.text(data))


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: &x {l: [1]}\nb: *x\n", ("a", "l"), {"a": {"l": [1, 2]}, "b": {"l": [1]}}),
        ("a: &x {l: [1]}\nb: *x\n", ("b", "l"), {"a": {"l": [1]}, "b": {"l": [1, 2]}}),
        ("a: {l: &x [1]}\nb: [*x, *x]\n", ("b", 1), {"a": {"l": [1]}, "b": [[1], [1, 2]]}),
        ("a: &x {l: [1]}\nb: {<<: *x, m: 3}\n", ("a", "l"), {"a": {"l": [1, 2]}, "b": {"l": [1], "m": 3}}),
        ("a: &x {l: [1]}\nb: {<<: *x, m: 3}\n", ("b", "l"), {"a": {"l": [1]}, "b": {"l": [1, 2], "m": 3}}),
        (
            "a: &x {l: &y [1]}\nb: &z {<<: *x}\nc: {<<: [*z, *x], m: *y}\n",
            ("b", "l"),
            {"a": {"l": [1]}, "b": {"l": [1, 2]}, "c": {"l": [1], "m": [1]}},
        ),
        ("b: {<<: {l: [1]}}\nc: 1\n", ("b", "l"), {"b": {"l": [1, 2]}, "c": 1}),
    ],
)
def test_a_place_gets_its_own(text: str, path: tuple[Any, ...], expected: Any) -> None:
    document = YamlText(text)
    Shared(document.data).own(document.data, *path).append(2)
    assert plain(document, document.data) == expected


def test_a_key_that_is_new_or_goes_is_not_merged_elsewhere() -> None:
    document = YamlText("a: &x {k: 1, l: 2}\nb:\n  m: 3\n  <<: *x\n  n: 4\n")
    found = Shared(document.data).own(document.data, "a")
    found["new"] = 5
    del found["k"]
    assert document.text(document.data) == "a: {l: 2, new: 5}\nb:\n  m: 3\n  k: 1\n  l: 2\n  n: 4\n"


def test_a_merged_key_goes() -> None:
    document = YamlText("a: &x {k: 1, l: 2}\nb: {<<: *x, m: 3}\n")
    drop(document.data["b"], "k")
    drop(document.data["b"], "never there")
    assert plain(document, document.data) == {"a": {"k": 1, "l": 2}, "b": {"l": 2, "m": 3}}


def test_what_is_not_shared_is_not_written_out() -> None:
    text = "a: &x {l: [1]}\nb: *x\nc: {l: [1]}\n"
    document = YamlText(text)
    shared = Shared(document.data)
    shared.own_all(document.data, "c")
    assert (shared.written_out, document.text(document.data)) == (0, text)


def test_what_grows_without_end_takes_no_time() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    document = YamlText("\n".join([*lines, "z: *a59\n"]))
    Shared(document.data).own(document.data, "z").append("new")
    text = document.text(document.data)
    assert text.endswith("z: [*a58, *a58, *a58, new]\n")


def test_a_copy_for_elsewhere_has_all_written_out() -> None:
    document = YamlText("a: &x {k: 1}  # c\nb: &y {<<: *x, l: [*x]}\nc: 1\n")
    document.data["c"] = copied(document.data["b"])
    text = document.text(document.data)
    assert "*" not in text.rpartition("c:")[2]
    assert yaml.safe_load(text)["c"] == {"k": 1, "l": [{"k": 1}]}


@pytest.mark.parametrize("chosen", range(4))
def test_a_task_definition_is_changed_alone(chosen: int) -> None:
    before = list(requests(TASKS))
    document = read(TASKS)
    told = inject(document.definitions[chosen], WISHES)
    once = document.text().encode()
    assert WRITTEN_OUT in [one.text for one in told]
    for index, request in enumerate(requests(once)):
        assert (request == before[index]) is (index != chosen)
        assert ("fargate-sensor" in json.dumps(request)) is (index == chosen)
    assert injected(once) == injected(injected(once))


@pytest.mark.parametrize("chosen", range(4))
def test_a_task_definition_is_given_back_alone(chosen: int) -> None:
    document = read(injected(TASKS))
    remove(document.definitions[chosen])
    for index, (request, before) in enumerate(zip(requests(document.text().encode()), requests(TASKS), strict=True)):
        assert (request == before) is (index == chosen)


def test_a_definition_is_given_back_that_others_merge() -> None:
    once = injected(b"""\
Resources:
  A:
    Type: AWS::ECS::TaskDefinition
    Properties: &task
      Cpu: 256
      Memory: 512
      ContainerDefinitions: [{Name: app, Image: app:1}]
""")
    more = once + b"  B:\n    Type: AWS::ECS::TaskDefinition\n    Properties: {<<: *task, Family: b}\n"
    document = read(more)
    remove(document.definitions[0])
    first, second = requests(document.text().encode())
    assert "pidMode" not in first
    assert second == list(requests(more))[1]
    assert b"fargate-sensor" not in removed(more)


def test_the_sensor_itself_may_be_merged() -> None:
    once = injected(TASKS)
    shared = once.replace(b"- Name: fargate-sensor\n", b"- &sensor\n          Name: fargate-sensor\n", 1)
    document = read(shared + b"x-sensor:\n  <<: *sensor\n")
    inject(document.definitions[0], WISHES)
    assert list(requests(document.text().encode())) == list(requests(once))


def test_pods_that_ask_for_no_sensor_share_with_others_that_get_one() -> None:
    against = PODS.replace(
        b"    name: extended\n", b'    name: extended\n    labels: {fargate-sensor/inject: "false"}\n'
    )
    stream = Stream(against)
    for one in manifest.pods(stream).pods:
        put_in(one, POD_WISHES)
    said = yaml.safe_load(stream.text())["items"]
    assert said[2] == yaml.safe_load(against)["items"][2]
    assert [json.dumps(one).count('"name": "fargate-sensor"') for one in said] == [1, 1, 0, 1]


@pytest.mark.parametrize("chosen", range(4))
def test_pods_are_given_back_alone(chosen: int) -> None:
    stream = Stream(PODS)
    for one in manifest.pods(stream).pods:
        put_in(one, POD_WISHES)
    after = yaml.safe_load(stream.text())["items"]
    again = Stream(stream.text().encode())
    take_out(manifest.pods(again).pods[chosen])
    together = (0, 1) if chosen < 2 else (chosen,)  # which are made from the same template
    for index, one in enumerate(yaml.safe_load(again.text())["items"]):
        assert one == (yaml.safe_load(PODS)["items"] if index in together else after)[index]
