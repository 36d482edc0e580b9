"""The schema by which pydantic's core validates the settings, made from their definition as pydantic itself makes it.

The core is what validates; around it pydantic makes schemas of whatever a model may be, which took half the CPU of the
first stage (docs/adr/0102-the-settings-schema-is-made-by-hand.md). A test compares this one with pydantic's own.
"""

from collections.abc import Iterable
from dataclasses import fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import DocInfo, Ge, Le, MaxLen, MinLen

Schema = dict[str, Any]

_PLAIN = {bool: "bool", int: "int", float: "float", str: "str"}
_CONSTRAINTS = {Ge: "ge", Le: "le", MinLen: "min_length", MaxLen: "max_length"}
"""What pydantic's core calls them; each has its bound under the same name."""


def dataclass_schema(of: type[Any]) -> Schema:
    """Of a dataclass with slots whose fields have defaults. Raises TypeError for a type that is not provided for."""
    return {
        "type": "dataclass",
        "cls": of,
        "fields": [field.name for field in fields(of)],
        "schema": {
            "type": "dataclass-args",
            "dataclass_name": of.__name__,
            "fields": [_field(field.name, field.type, field.default) for field in fields(of)],
            "computed_fields": [],
            "collect_init_only": False,
        },
        "post_init": False,
        "frozen": False,
        "slots": True,
        "config": {"title": of.__name__},
    }


def _field(name: str, hint: Any, default: Any) -> Schema:
    schema = {"type": "default", "schema": _schema(hint), "default": default}
    return {"type": "dataclass-field", "name": name, "schema": schema, "kw_only": False, "init": True, "metadata": {}}


def _schema(hint: Any) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _bounded(_schema(arguments[0]), _bounds(arguments[1:]))
    if origin is Literal:
        return {"type": "literal", "expected": list(arguments)}
    if origin is tuple and arguments[1:] == (...,):
        return {"type": "tuple", "items_schema": [_schema(arguments[0])], "variadic_item_index": 0}
    if origin in (Union, UnionType) and len(arguments) == 2 and arguments[1] is NoneType:
        return {"type": "nullable", "schema": _schema(arguments[0])}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    raise TypeError(f"settings of the type {hint} are not provided for")


def _bounded(schema: Schema, bounds: Schema) -> Schema:
    """None has no bounds."""
    if schema["type"] == "nullable":
        return schema | {"schema": schema["schema"] | bounds}
    return schema | bounds


def _bounds(annotations: Iterable[Any]) -> Schema:
    found = {}
    for annotation in annotations:
        if isinstance(annotation, DocInfo):
            continue
        name = _CONSTRAINTS.get(type(annotation))
        if name is None:
            raise TypeError(f"the constraint {annotation} is not provided for")
        found[name] = getattr(annotation, name)
    return found
