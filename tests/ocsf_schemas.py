"""What OCSF says is valid, by the schemas that `ocsf-json-schema` ships."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchema, OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSIONS = ("1.3.0", "1.8.0")


def faults(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event by each version's schema, with the profiles that it names; nothing when all is well.

    The schemas close every object: an attribute that is in none of them is a fault too.
    """
    profiles = tuple(event["metadata"].get("profiles", ()))
    return [
        f"{version} {'/'.join(map(str, error.absolute_path))}: {error.message}"[:300]
        for version in VERSIONS
        for error in _validator(version, event["class_uid"], profiles).iter_errors(event)
    ]


@cache
def _schema(version: str) -> OcsfJsonSchema:
    return OcsfJsonSchema(get_ocsf_schema(version))


@cache
def _validator(version: str, class_uid: int, profiles: Iterable[str]) -> Draft202012Validator:
    schema = _schema(version)
    name = schema.lookup_class_name_from_uid(class_uid)
    return Draft202012Validator(OcsfJsonSchemaEmbedded(schema).get_class_schema(name, list(profiles)))
