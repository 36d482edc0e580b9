"""Which resource another one means: by the reference in a plan's configuration, or by the ARN or name in a state.

A plan's values do not have what is only known after apply, its configuration names what it will come from. References
are followed within a module; what a module is handed from outside is not known here.
"""

import re
from collections.abc import Iterator
from typing import Any

Resources = dict[str, dict[str, Any]]
"""The values of all resources by their address, such as `module.web.aws_ecs_cluster.main[0]`."""

DEEPEST = 50
_INDEX = re.compile(r"\[[^\[\]]*\]")
_IDENTITIES = ("arn", "id", "name")


def references(content: dict[str, Any]) -> dict[str, Any]:
    """The expressions of each resource in a plan's configuration, by its address without indexes."""
    configuration = content.get("configuration")
    root = configuration.get("root_module") if isinstance(configuration, dict) else None
    return dict(_expressions(root, "", 0))


def linked(
    address: str, field: str, kind: str, resources: Resources, expressions: dict[str, Any]
) -> dict[str, Any] | None:
    """The values of the resource of this kind that the field of `address` means; None where that is not to be told."""
    value = resources[address].get(field)
    candidates = {other: values for other, values in resources.items() if f".{kind}." in f".{other}"}
    if isinstance(value, str):
        return next((one for one in candidates.values() if value in map(one.get, _IDENTITIES)), None)
    wanted = _named(_INDEX.sub("", address), field, expressions)
    return next((one for other, one in candidates.items() if _INDEX.sub("", other) in wanted), None)


def _named(address: str, field: str, expressions: dict[str, Any]) -> set[str]:
    """The addresses, without indexes, that the field's expression names."""
    fields = expressions.get(address)
    expression = fields.get(field) if isinstance(fields, dict) else None
    named = expression.get("references") if isinstance(expression, dict) else None
    module = address.rpartition(".")[0].rpartition(".")[0]
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    return {f"{module}.{name}".lstrip(".") for name in names}


def _expressions(module: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(module, dict) or depth > DEEPEST:
        return
    resources, calls = module.get("resources"), module.get("module_calls")
    for one in resources if isinstance(resources, list) else ():
        if isinstance(one, dict) and isinstance(one.get("address"), str):
            yield prefix + one["address"], one.get("expressions")
    for name, call in calls.items() if isinstance(calls, dict) else ():
        if isinstance(call, dict):
            yield from _expressions(call.get("module"), f"{prefix}module.{name}.", depth + 1)
