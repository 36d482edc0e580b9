"""The table of values in the README of the chart, from values.yaml (what they mean) and its schema (what they take)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).parents[1] / "helm" / "fargate-sensor"
BEGIN = "<!-- Written from values.yaml and values.schema.json by `make docs`. -->\n"
END = "<!-- Here the written part ends. -->\n"
TYPES = {"string": "text", "boolean": "true or false", "object": "map", "array": "list"}

Json = dict[str, Any]


class Value(NamedTuple):
    """One value that may be set. `takes` is empty where the schema does not know it."""

    name: str
    takes: str
    default: str
    meaning: str


def render() -> str:
    """The whole README, with the table of now between its marks. Raises `ValueError` where those are missing."""
    before, begin, rest = (CHART / "README.md").read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"helm/fargate-sensor/README.md has no {(BEGIN if not begin else END).strip()}")
    return f"{before}{begin}\n{table()}\n{end}{after}"


def table() -> str:
    """One row a value, in the order of values.yaml."""
    rows = (
        f"| `{one.name}` | {one.takes} | `{one.default}` | {one.meaning} |".replace("| `` |", "| |") for one in values()
    )
    return "\n".join(("| Value | Takes | Default | Meaning |", "|---|---|---|---|", *rows)) + "\n"


def values() -> Iterator[Value]:
    """All values of the chart."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    yield from _values(yaml.compose(text), schema, "", text.splitlines(), schema["definitions"])


def _values(node: Any, schema: Json, path: str, lines: list[str], definitions: Json) -> Iterator[Value]:
    for key, value in node.value:
        name = f"{path}{key.value}"
        allowed = _resolved(schema["properties"].get(key.value, {}), definitions)
        if isinstance(value, yaml.MappingNode) and value.value and "requests" not in allowed.get("properties", ()):
            yield from _values(value, allowed, f"{name}.", lines, definitions)
        else:
            made = yaml.SafeLoader("").construct_object(value, deep=True)
            default = "" if made in ("", [], {}) else json.dumps(made) if not isinstance(made, str) else made
            yield Value(name, _takes(allowed), default, _comment(lines, key.start_mark.line).replace("|", "\\|"))


def _resolved(schema: Json, definitions: Json) -> Json:
    reference = schema.get("$ref")
    found: Json = definitions[reference.rpartition("/")[2]] if reference else schema
    return found


def _takes(schema: Json) -> str:
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if schema.get("type") == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    return TYPES.get(schema.get("type", ""), "")


def _comment(lines: list[str], line: int) -> str:
    """The lines that begin with `#` directly above a line."""
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(text.lstrip().removeprefix("#").strip() for text in lines[first:line])
