"""Cutting an event's long fields, so that no argument list is too long to be told at all."""

import json
import re
from typing import Any

from sensor.model.events import Header

STEPS = ((16_384, 2_048), (4_096, 512), (1_024, 128), (256, 32), (256, 8), (256, 3), (128, 3), (128, 1))
"""The bytes left of a text, as JSON writes it, and the items left of a list or map, from gentle to harsh.

After the last one every event of the sensor's has less than 12 KiB, in OCSF too, which writes some texts several times.
An event's id has at most 122 bytes, so those of `links` stay whole.
"""

MAPS = frozenset({"counters", "losses", "collectors", "figures", "labels"})
"""The fields of events and headers whose names are data; those of all others are the schema's and stay."""

LABELS = "pod.labels"
MOST_BYTES = 6
"""Of a character in JSON, where a control character is written as `\\u0001`."""
_BEGUN = re.compile(r"(?:u[0-9a-f]{0,3})?\Z")
"""What a cut may leave of the writing of its last character, behind a backslash."""


def trimmed(plain: dict[str, Any], size: int, items: int, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """A copy of an event's plain form with long texts, lists and maps cut, each named in `evidence.truncated`.

    The names are those of the fields (`process.args`), without positions in a list; those in `also` are added.
    """
    cut: set[str] = set(also)
    copy: dict[str, Any] = _trim(plain, "", size, items, cut)
    evidence = copy["evidence"]
    evidence["truncated"] = sorted(cut.union(evidence.get("truncated") or ()))
    return copy


def trimmed_alone(plain: dict[str, Any], header: Header, size: int, items: int) -> tuple[dict[str, Any], Header]:
    """An event that travels alone, and its header with so many of the pod's labels: all else there is short."""
    if header.pod is None or len(header.pod.labels) <= items:
        return trimmed(plain, size, items), header
    pod = header.pod._replace(labels=dict(list(header.pod.labels.items())[:items]))
    return trimmed(plain, size, items, (LABELS,)), header._replace(pod=pod)


def _trim(value: Any, path: str, size: int, items: int, cut: set[str]) -> Any:
    if isinstance(value, dict):
        most = items if path.rpartition(".")[2] in MAPS else len(value)
        kept = _head(list(value.items()), path, most, cut)
        return {k: _trim(v, f"{path}.{k}" if path else k, size, items, cut) for k, v in kept}
    if isinstance(value, list):
        return [_trim(v, path, size, items, cut) for v in _head(value, path, items, cut)]
    return _start(value, path, size, cut) if isinstance(value, str) else value


def _head(values: list[Any], path: str, most: int, cut: set[str]) -> list[Any]:
    if len(values) <= most:
        return values
    cut.add(path)
    return values[:most]


def _start(text: str, path: str, size: int, cut: set[str]) -> str:
    if len(text) * MOST_BYTES <= size:
        return text
    start = _written(text[:size], size)
    if len(start) < len(text):
        cut.add(path)
    return start


def _written(text: str, size: int) -> str:
    """As much of a text as JSON writes in so many bytes; a lone surrogate is written as the encoder writes it."""
    written = json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="backslashreplace")
    if len(written) <= size:
        return text
    return text[: len(json.loads(f'"{_without_half(written[:size].decode(errors="ignore"))}"'))]


def _without_half(written: str) -> str:
    """A text as JSON writes it, without what is left of an escape that was cut through."""
    stem = written[: len(written) - len(_BEGUN.findall(written[-4:])[0])]
    backslashes = len(stem) - len(stem.rstrip("\\"))
    return stem[:-1] if backslashes % 2 else written
