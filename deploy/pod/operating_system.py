"""Which operating system a pod is for, as far as it says so.

In the order in which it counts: `os`, which the kubelet holds a pod to; what nodes it is for, by selector or by
affinity; and settings that only Windows has.
"""

from collections.abc import Iterator, Mapping
from typing import Any

LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
"""Of nodes; the second is the older one ("Well-Known Labels, Annotations and Taints")."""


def runs_on_linux(spec: Mapping[str, Any]) -> bool:
    """Whether nothing says otherwise."""
    said, selector = spec.get("os"), spec.get("nodeSelector")
    if isinstance(said, Mapping) and said.get("name"):
        return bool(said["name"] == "linux")
    selected = [selector[label] for label in LABELS if label in selector] if isinstance(selector, Mapping) else []
    if selected:
        return all(one == "linux" for one in selected)
    terms = [any(map(_excludes_linux, term)) for term in _required(spec)]
    return not (terms and all(terms)) and not _has_windows_options(spec)


def _required(spec: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
    """The expressions of each term of the node affinity; one of the terms must hold, of its expressions all."""
    node: Any = spec
    for key in ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"):
        node = node.get(key) if isinstance(node, Mapping) else None
    for term in node if isinstance(node, list) else []:
        listed = term.get("matchExpressions") if isinstance(term, Mapping) else None
        yield [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def _excludes_linux(expression: Mapping[str, Any]) -> bool:
    values = expression.get("values")
    if expression.get("key") not in LABELS or not isinstance(values, list):
        return False
    operator = expression.get("operator")
    return (operator == "In" and "linux" not in values) or (operator == "NotIn" and "linux" in values)


def _has_windows_options(spec: Mapping[str, Any]) -> bool:
    listed = spec.get("containers")
    holders = [spec, *(listed if isinstance(listed, list) else [])]
    contexts = [one.get("securityContext") for one in holders if isinstance(one, Mapping)]
    return any(isinstance(one, Mapping) and one.get("windowsOptions") for one in contexts)
