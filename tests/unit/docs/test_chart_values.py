"""The table of the chart's values tells each value, and what it takes and means."""

import json
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def document(monkeypatch, tmp_path) -> Any:
    """docs/chart_values.py, over a copy of the chart."""
    monkeypatch.syspath_prepend(PROJECT / "docs")
    made = import_module("chart_values")
    monkeypatch.setattr(made, "CHART", tmp_path / "chart")
    shutil.copytree(PROJECT / "helm" / "fargate-sensor", made.CHART)
    return made


def change(document: Any, name: str, before: str, after: str) -> None:
    path = document.CHART / name
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def keys(node: Any, path: str = "") -> Iterator[str]:
    """All keys of the default values, and of the schema's sections."""
    for key, value in node.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from keys(value, f"{path}{key}.")


def properties(schema: Any) -> dict[str, Any]:
    return {key: properties(value) for key, value in schema.get("properties", {}).items()}


def test_every_value_says_what_it_takes_and_means(document):
    assert [one.name for one in document.values() if not one.takes or not one.meaning] == []


def test_the_schema_knows_the_values_and_no_others(document):
    defaults = yaml.safe_load((document.CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((document.CHART / "values.schema.json").read_text(encoding="utf-8"))
    resources = ("webhook.resources", "ingest.resources")
    written = {key for key in keys(defaults) if not key.startswith(tuple(f"{name}." for name in resources))}
    assert set(keys(properties(schema))) - {"global"} == written


def test_what_is_written_is_current(document):
    assert document.render() == (document.CHART / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "row"),
    [
        ("  replicas: 2", "  replicas: 3", "| `webhook.replicas` | 1 to 20 | `3` | How many pods. |"),
        ("  # How many pods.", "  # How many | pods.", "| `webhook.replicas` | 1 to 20 | `2` | How many \\| pods. |"),
        ("  # How many pods.", "  # How many\n  # pods.", "| `webhook.replicas` | 1 to 20 | `2` | How many pods. |"),
        ("  # How many pods.\n", "", "| `webhook.replicas` | 1 to 20 | `2` |  |"),
    ],
)
def test_the_table_follows_values_yaml(document, before, after, row):
    change(document, "values.yaml", before, after)
    assert row in document.render().splitlines()


def test_the_table_follows_the_schema(document):
    change(document, "values.schema.json", '"Always"', '"Often"')
    assert "`IfNotPresent`, `Often`, `Never`" in document.render()


@pytest.mark.parametrize("mark", ["BEGIN", "END"])
def test_a_missing_mark_is_told(document, mark):
    change(document, "README.md", getattr(document, mark), "")
    with pytest.raises(ValueError, match=r"README\.md has no <!--"):
        document.render()
