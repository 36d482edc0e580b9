"""Whatever is in a file: a line of reason at most, an exit code, and the other files checked all the same."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.checks import reports
from deploy.checks.catalog import catalog
from deploy.checks.command import main
from deploy.checks.documents import decoded
from deploy.checks.engine import Result, run

DATA = Path(__file__).parents[3] / "data/checks"
SEEDS = sorted(file for kind in ("good", "bad") for file in (DATA / kind).iterdir())
CONTENTS = [document.content for file in SEEDS for document in decoded(file.name, file.read_bytes())]
OTHER = DATA / "bad/privileged.yaml"
PIECES = [
    *(b"[", b"]", b"{", b"}", b":", b"- ", b"? ", b"|\n", b"\t", b"\n", b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"#"),
    *(b"&a ", b"*a", b"<<: ", b"!Ref ", b"!Sub ", b"---\n", b"...\n", b"%YAML 9\n", b"{{ .x }}", b"1e999", b"0x", b"."),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["*", "9" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Ref", "Fn::Sub", "Fn::Join", "Fn::If", "name", "Type", "Statement", "kind", "items"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=6,
)  # fmt: skip
SETTINGS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def torn(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real file with pieces put into it and taken out of it."""
    file = draw(st.sampled_from(SEEDS))
    data = file.read_bytes()
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3))
        data = data[:start] + piece + data[start + draw(st.integers(0, 30)) :]
    return file.name, data


@st.composite
def confused(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real document with values of other kinds in some places."""
    content = draw(st.sampled_from(CONTENTS))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(content))))
        content = replaced(content, place, draw(VALUES))
    if draw(st.booleans()):
        return "a.json", json.dumps(content).encode()
    return "a.yaml", yaml.safe_dump(content).encode("utf-8", "surrogatepass")


def places(content: Any, path: tuple = ()) -> Iterator[tuple]:
    yield path
    inner = content.items() if isinstance(content, dict) else enumerate(content if isinstance(content, list) else ())
    for key, value in inner:
        yield from places(value, (*path, key))


def replaced(content: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    made = content.copy()
    made[path[0]] = replaced(content[path[0]], path[1:], value)
    return made


def holds(folder: Path, name: str, data: bytes) -> Result:
    """What has to be so whatever the file has in it."""
    file = folder / name
    file.write_bytes(data)
    lines = len(data.decode(errors="replace").splitlines()) + 1
    result = run(catalog(), [file, OTHER])
    assert [finding.check.id for finding in result.findings if finding.file == str(OTHER)] == ["privileged"]
    for problem in result.problems:
        assert problem.file == str(file)
        assert problem.line is None or 1 <= problem.line <= lines
        assert str(problem).startswith(f"{file}:")
        assert len(str(problem).splitlines()) == 1
    assert all(1 <= f.line <= lines for f in result.findings if f.file == str(file))
    assert all(len(line.splitlines()) == 1 for line in reports.text(result, verbose=True))
    json.loads(reports.as_json(result))
    json.loads(reports.sarif(catalog(), result))
    return result


@SETTINGS
@given(st.binary(max_size=200), st.sampled_from(["a.json", "a.yaml", "a.template"]))
def test_any_bytes(tmp_path: Path, data: bytes, name: str) -> None:
    holds(tmp_path, name, data)


@SETTINGS
@given(torn())
def test_a_torn_file(tmp_path: Path, torn: tuple[str, bytes]) -> None:
    holds(tmp_path, *torn)


@SETTINGS
@given(confused())
def test_values_of_other_kinds(tmp_path: Path, confused: tuple[str, bytes]) -> None:
    holds(tmp_path, *confused)


@pytest.mark.parametrize(
    "text",
    [
        '{"planned_values": {"root_module": {"resources": [{"type": {}, "values": {}}]}}}',
        '{"planned_values": {"root_module": {"resources": 3, "child_modules": {"a": 1}}}, "resource_changes": 3}',
        '{"family": "\\ud800", "containerDefinitions": [{"name": "a", "image": "b"}]}',
        '{"Resources": {"a": {"Type": "AWS::ECS::Service", "Properties": {"Cluster": {"Ref": "a"}}}}}',
        '{"apiVersion": 1, "kind": "List", "items": [{"kind": "List", "items": [{"kind": {}}]}]}',
    ],
)
def test_what_once_was_not_foreseen(tmp_path: Path, text: str) -> None:
    holds(tmp_path, "a.json", text.encode())


LAUGHS = (
    "- &a0 {apiVersion: v1, kind: Pod, spec: {containers: [{name: a}]}}\n"
    + "".join(f"- &a{i} {{kind: List, items: [{','.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 30))
)  # fmt: skip
SQUARE = f"a: &a [{'1, ' * 1000}]\nb: [{'*a, ' * 1000}]\n"
MERGED = f"a: &a {{{','.join(f'k{i}: 1' for i in range(1000))}}}\nb: {{<<: [{'*a, ' * 1000}]}}\n"


@pytest.mark.parametrize("text", [LAUGHS, SQUARE, MERGED])
def test_a_small_text_stands_for_no_large_document(tmp_path: Path, text: str) -> None:
    (problem,) = holds(tmp_path, "a.yaml", text.encode()).problems
    assert problem.text == "its aliases stand for more than 200,000 values"


def test_the_end_is_told_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 and 1 as documented, whatever the other files are; 2 for nothing but wrong usage."""
    good = DATA / "good/privileged.yaml"
    assert main([str(good)]) == 0
    assert main([str(good), str(OTHER)]) == 1
    (tmp_path / "a.json").write_bytes(b"\xff")
    assert main([str(tmp_path / "a.json"), str(good), "--fail-on", "never"]) == 1
    assert main([]) == 2
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    capsys.readouterr()
    assert main([str(tmp_path), str(OTHER), "--fail-on", "never"]) == 1
    told = capsys.readouterr().err
    assert f"{tmp_path}/pipe.json: is no file\n" in told
    assert f"{tmp_path}/loop.yaml: does not exist\n" in told or f"{tmp_path}/loop.yaml: cannot be read" in told
