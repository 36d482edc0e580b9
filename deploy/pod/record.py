"""What a pod was before the sensor came, kept in an annotation of it: what `remove` needs and cannot tell from the pod.

JSON: `added` has the keys that were not there, as pointers (RFC 6901), `was` those that were there and were replaced,
with what they were, and `pull_secrets` the names that were put into that list.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.documents.json_text import object_in
from deploy.pod.patch import Add


@dataclass(frozen=True, slots=True)
class Record:
    """As the module says."""

    added: tuple[str, ...] = ()
    was: Mapping[str, Any] = field(default_factory=dict)
    pull_secrets: tuple[str, ...] = ()

    def written(self) -> str:
        """The value of the annotation."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)


def before(pod: Mapping[str, Any], patch: Iterable[Add]) -> Record:
    """The record of a pod that is not patched yet."""
    added: list[str] = []
    was: dict[str, Any] = {}
    secrets: list[str] = []
    for one in patch:
        parent: Any = pod
        for key in one.path[:-1]:
            parent = parent[key]
        if one.path[1:2] == ("imagePullSecrets",):
            secrets += [entry["name"] for entry in (one.value if isinstance(one.value, list) else [one.value])]
        if isinstance(parent, list):
            continue
        if one.path[-1] in parent:
            was[one.pointer] = parent[one.path[-1]]
        else:
            added.append(one.pointer)
    return Record(tuple(added), was, tuple(secrets))


def parse(value: object) -> Record | None:
    """The record in an annotation; None where there is none, or where somebody has written something else there."""
    plain = object_in(value)
    if plain is None:
        return None
    added, was, secrets = (plain.get(name) for name in ("added", "was", "pull_secrets"))
    if not (isinstance(added, list) and isinstance(was, dict) and isinstance(secrets, list)):
        return None
    return Record(_texts(added), was, _texts(secrets))


def _texts(listed: list[Any]) -> tuple[str, ...]:
    return tuple(one for one in listed if isinstance(one, str))
