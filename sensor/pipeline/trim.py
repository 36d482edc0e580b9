"""Cutting an event's long fields, so that no argument list is too long to be told at all."""

from typing import Any, TypeVar

T = TypeVar("T", str, list[Any])

STEPS = ((16_384, 2_048), (4_096, 512), (1_024, 128), (256, 32))
"""The characters left of a text and the items left of a list, from gentle to harsh."""


def trimmed(plain: dict[str, Any], characters: int, items: int) -> dict[str, Any]:
    """A copy of an event's plain form with long texts and lists cut, each named in `evidence.truncated`.

    The names are those of the fields (`process.args`), without positions in a list.
    """
    cut: set[str] = set()
    copy: dict[str, Any] = _trim(plain, "", characters, items, cut)
    evidence = copy["evidence"]
    evidence["truncated"] = sorted(cut.union(evidence.get("truncated") or ()))
    return copy


def _trim(value: Any, path: str, characters: int, items: int, cut: set[str]) -> Any:
    if isinstance(value, dict):
        return {k: _trim(v, f"{path}.{k}" if path else k, characters, items, cut) for k, v in value.items()}
    if isinstance(value, list):
        return [_trim(v, path, characters, items, cut) for v in _head(value, path, items, cut)]
    return _head(value, path, characters, cut) if isinstance(value, str) else value


def _head(value: T, path: str, limit: int, cut: set[str]) -> T:
    if len(value) <= limit:
        return value
    cut.add(path)
    return value[:limit]
