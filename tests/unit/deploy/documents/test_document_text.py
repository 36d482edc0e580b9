"""JSON and YAML: what is wrong has its line, what is not changed keeps its look, and no input gets out of hand."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.documents.errors import MalformedDocument
from deploy.documents.json_text import JsonText
from deploy.documents.weave import weave
from deploy.documents.yaml_text import YamlText, nodes, same
from deploy.ecs.document import read


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "f: the document is empty"),
        (b"\xff\xfe{", "f:1: no UTF-8: byte 0xff"),
        (b'{"a": 1,\n "b": \xe4}', "f:2: no UTF-8: byte 0xe4"),
        (b'{\n  "family": "x",\n  "cpu": ,\n}', "f:3: no JSON: Expecting value (column 10)"),
        (b'{"family": "x"', "f:1: no JSON: Expecting ',' delimiter (column 15)"),
        (b'{"a": {"x": 1},\n "b": 2,\n "b": 3}', 'f: no JSON: the key "b" stands twice in an object'),
        (b'{"a": NaN}', "f: no JSON: NaN is no number"),
        (b"[" * 100_000, "f: no JSON that can be read: nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "f: no JSON that can be read: Exceeds the limit"),
        (b"7", "f: expected an object or an array, found a number"),
        (b"text", "f: expected an object or an array, found a text"),
        (b"{}", "f: no containerDefinitions, no Resources and no taskDefinition"),
        (b"[]", "f: there is no container in the container definitions"),
        (b'[{"Effect": "Allow"}]', "f: an array of something else: container definitions have a name and an image"),
        (b'[{"name": "app", "imageUri": "app:1"}]', "f: an array of something else: container definitions have a name"),
        (b'{"containerDefinitions": null}', "f: the container definitions are nothing, not a list"),
        (b'{"containerDefinitions": {}}', "f: the container definitions are an object, not a list"),
        (b'{"containerDefinitions": ["app"]}', "f: container 1 is a text, not an object"),
        (b'{"Resources": {}}', "f: the template has no AWS::ECS::TaskDefinition"),
        (b"a: [1,\nb: 2", "f:2: no YAML: while parsing a flow sequence, expected ',' or ']'"),
        (b"a: 1\na: 2", "f:2: no YAML: while constructing a mapping, found duplicate key"),
        (b"\n\ta: 1", "f:2: no YAML: while scanning for the next token, found character"),
        (b"a: *gone", "f:1: no YAML: found undefined alias"),
        (b"a: 1\n---\nb: 2", "f:2: no YAML: expected a single document in the stream"),
        (b"a: 2026-13-45", "f: no YAML that can be read"),
        (b"- " * 5000 + b"a", "f: no YAML that can be read: nested too deeply"),
        (
            b"\nResources:\n T: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: !Ref X}}\n",
            "f:3: T: the container definitions are computed by the template, not a list",
        ),
        (b"Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n", "f:3: T: Properties is nothing, not a mapping"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(content: bytes, told: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read(content)
    line = caught.value.told("f")
    assert line.startswith(told)
    assert "\n" not in line
    assert len(line) < 300


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="{}[]:,-&*!|>#'\"%@ \n\tab10.~", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (JsonText, YamlText):
        try:
            document = kind(text)
        except MalformedDocument:
            continue
        assert document.text(document.data).rstrip() == text.rstrip() or kind is YamlText


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        read(content)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSONS, JSONS, st.sampled_from([None, 1, "\t"]))
def test_whatever_is_changed_in_json_is_what_is_written(
    before: object, after: object, indent: int | str | None
) -> None:
    document = JsonText(json.dumps(before, indent=indent))
    assert json.loads(document.text(after)) == after
    assert document.text(before) == json.dumps(before, indent=indent)


def test_numbers_and_escapes_stay_as_they_were_written() -> None:
    text = '{"a": 1.50, "b": 1E5, "c": "\\u00e4\\/\\ud800", "d": [ ] , "e": 1}\n'
    document = JsonText(text)
    document.data["e"] = 2
    assert document.text(document.data) == text.replace('"e": 1', '"e": 2')


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "text",
    [
        b'{"family": "x",\n "containerDefinitions": [\n {"name": "a"}]}\n',
        b"family: x\ncontainerDefinitions:\n- name: a\n",
    ],
)
def test_byte_order_marks_and_line_ends_stay(start: bytes, text: bytes) -> None:
    content = start + text.replace(b"\n", b"\r\n")
    document = read(content)
    assert document.text().encode() == content
    document.definitions[0].append({"name": "b"})
    new = document.text().encode()
    assert new.startswith(start)
    assert new.count(b"\n") == new.count(b"\r\n")
    assert b"b" in new


def test_loops_of_a_template_are_told() -> None:
    template = {"Resources": {"Fn::ForEach::T": ["x", ["a"], {}], "T": {"Type": "AWS::ECS::TaskDefinition"}}}
    template["Resources"]["T"]["Properties"] = {"ContainerDefinitions": [{"Name": "a"}]}
    assert read(json.dumps(template).encode()).notes == (
        "Fn::ForEach::T is not looked into: what it makes has no sensor",
    )


def test_aliases_that_grow_without_end_take_no_time() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    document = YamlText("\n".join(lines) + "\nz: 1\n")
    document.data["z"] = 2
    assert document.text(document.data).endswith("z: 2\n")


def test_tags_tell_documents_apart() -> None:
    one, other, third = (YamlText(text).data for text in ("a: !Ref b", "a: !Sub b", "a: !Ref b"))
    assert same(one, third)
    assert not same(one, other)


@pytest.mark.parametrize(
    "text", ["on", "NO", "1", "0x1f", "12:30", "a: b", "# a", "", " a", "=", "<<", "~", "null", "a:"]
)
def test_texts_of_ours_are_texts_in_yaml_1_1_too(text: str) -> None:
    import yaml

    document = YamlText("a: 1\n")
    document.data.update(nodes({"b": text, "c": [text]}))
    assert yaml.safe_load(document.text(document.data)) == {"a": 1, "b": text, "c": [text]}


def test_a_comment_stays_in_front_of_what_it_is_about() -> None:
    before = ["a\n", "# of b\n", "b\n"]
    assert (
        weave(before, before, ["a\n", "# of b\n", "new\n", "b\n"], lambda line: line[0] == "#") == "a\nnew\n# of b\nb\n"
    )
    assert weave(
        ["a \n", "gone\n", "# of b\n", "b\n"],
        ["a\n", "gone\n", "# of b\n", "b\n"],
        ["a\n", "b\n"],
        lambda line: line[0] == "#",
    ) == ("a \n# of b\nb\n")


def test_units_that_do_not_go_together_are_not_woven() -> None:
    assert weave(["a b"], ["a", "b"], ["a"]) is None


def test_half_a_character_is_written_as_json_has_it() -> None:
    text = JsonText('{"a": "\\ud800\\u00e4", "b": []}')
    text.data["b"].append(text.data["a"])
    assert '"\\ud800\u00e4"' in text.text(text.data)
    assert json.loads(text.text(text.data).encode())["b"] == ["\ud800\u00e4"]
