"""What people have in their YAML beside its contents: it stays while the sensor is in it, and after that."""

import pytest
from task_definitions import injected, removed

from deploy.documents.alignment import aligned
from deploy.documents.errors import MalformedDocument
from deploy.documents.yaml_text import YamlText
from deploy.ecs.document import read

TASK = """\
Resources:
  A:
    Type:   AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [ FARGATE ]
      ContainerDefinitions:
      - Name: app   # the app
        Image:  app:1
  B: {Type:   AWS::SNS::Topic}
"""
COMMAND = 'Command: ["a",  # first\n                  "b"]\n        Image:'
TEXTS = {
    "licence": f"# Copyright Example Corp.\n# SPDX-License-Identifier: Apache-2.0\n\n---\n{TASK}",
    "directive": f"%YAML 1.2\n--- # the template\n{TASK}",
    "end": f"{TASK}...\n",
    "all_around": f"# c\n%YAML 1.2\n---\n{TASK}...\n# end\n",
    "text_over_lines": f"Description: a long text\n  that goes on\n\n  and on\n{TASK}",
    "quoted_text_over_lines": f'Description: "a long \\\n  text\n\n  that goes on"\n{TASK}',
    "list_over_lines": TASK.replace("Image:", COMMAND),
    "deeper_elsewhere": f"Parameters:\n    Vpc:   {{Type: String}}\n{TASK}",
    "deeper_in_most": f"Parameters:\n    A:\n        B:\n            C:\n                D: {{}}\n{TASK}",
    "words_of_yaml_1_1": f"Metadata:\n  A: True\n  B: ~\n  C: 0o17\n{TASK}",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_line_stays_and_all_comes_back(text: str, newline: str) -> None:
    content = text.replace("\n", newline).encode()
    after = injected(content)
    lines = iter(after.decode().split("\n"))
    assert all(line in lines for line in content.decode().split("\n"))
    assert b"fargate-sensor" in after
    assert removed(after) == content


def test_a_comment_keeps_its_distance_where_its_line_becomes_longer_for_a_while() -> None:
    content = b"""\
Resources:
  A:
    Type: AWS::ECS::TaskDefinition
    Properties: {RequiresCompatibilities: [FARGATE], ContainerDefinitions: [{Name: app, Image: app:1}]}  # flow
"""
    after = injected(content)
    assert b"}  # flow\n" in after
    assert removed(after) == content


def test_a_text_that_is_changed_itself_is_written_on_one_line_and_its_neighbours_stay() -> None:
    document = YamlText("a:   1\nb: x\n   y\nc:   3\n")
    document.data["b"] = "x z"
    assert document.text(document.data) == "a:   1\nb: x z\nc:   3\n"


def test_lines_that_only_one_of_both_has_go_with_their_neighbours() -> None:
    assert aligned(["# lost\n", "a\n", "b\n"], ["a\n", "b\n"]).pieces == ["# lost\na\n", "b\n"]
    assert aligned(["a\n", "# lost\n", "b\n"], ["a\n", "b\n"]).pieces == ["a\n# lost\n", "b\n"]
    found = aligned(["a\n", "b\n"], ["a\n", "made\n", "b\n"])
    assert found.pieces == ["a\n", "", "b\n"]
    assert found.blocks == [range(2)]


@pytest.mark.parametrize("lead", ["# licence\n\n---\n", "%YAML 1.2\n---\n", "\n\n--- # x\n"])
def test_the_line_of_an_error_is_that_in_the_whole_text(lead: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read(f"{lead}Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n".encode())
    assert caught.value.line == lead.count("\n") + 3
