"""The sensor put into the pods of a manifest, and taken out of them, in the document itself."""

import json
from collections.abc import Mapping
from typing import Any

from deploy.documents.shared import WRITTEN_OUT, Shared, drop
from deploy.pod import record
from deploy.pod.annotations import RECORD, STATUS
from deploy.pod.inject import Injection, inject
from deploy.pod.manifest import Pod
from deploy.pod.record import Record
from deploy.pod.wishes import Wishes
from deploy.sidecar.pod import IDENTITY_VOLUME
from deploy.sidecar.specification import NAME, VOLUME
from deploy.told import Told, note, warning

OURS = {
    "initContainers": frozenset({NAME}),
    "containers": frozenset({NAME}),
    "volumes": frozenset({VOLUME, IDENTITY_VOLUME}),
}
"""What in a pod's spec is the sensor's, by name."""
SHARED = (
    "the containers share their processes from now on: each sees the others', and as the same user their environments; "
    "signals to PID 1 reach the pod's pause process"
)
PULL_SECRETS = "it has imagePullSecrets of its own from now on, so those of its service account are not used for it"


def put_in(pod: Pod, wishes: Wishes) -> list[Told]:
    """Change the pod in place, and say what there is to be said. One that is injected stays as it is."""
    injection = inject(pod.raw, wishes)
    if injection.left_alone == "injected":
        return [note(f"it has a container {NAME} already and stays as it is; --remove takes that out first")]
    told = [warning(line) for line in injection.warnings]
    if not injection.patch:
        return told
    kept = record.before(pod.raw, injection.patch)
    told += [*map(note, injection.notes), *_notes(pod.raw["spec"], kept)]
    if _applied(pod, injection):
        told.append(note(WRITTEN_OUT))
    pod.raw["metadata"]["annotations"][RECORD] = pod.part.node(kept.written())
    pod.part.changed = True
    return told


def _applied(pod: Pod, injection: Injection) -> bool:
    """Apply the patch; whether an alias had to be written out."""
    shared = Shared(pod.part.data)
    shared.own_keys(pod.raw)
    for path, value in injection.patch:
        parent, last = shared.own(pod.raw, *path[:-1]), path[-1]
        node = pod.part.node(json.loads(json.dumps(value)))  # texts of the document lose their quotes and anchors
        if isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else int(last), node)
        else:
            parent[last] = node
    return shared.written_out > 0


def _notes(spec: Mapping[str, Any], kept: Record) -> list[Told]:
    told = [] if spec.get("shareProcessNamespace") is True else [note(SHARED)]
    return [*told, note(PULL_SECRETS)] if "/spec/imagePullSecrets" in {*kept.added, *kept.was} else told


def take_out(pod: Pod) -> list[Told]:
    """Change the pod in place, to what it was before it was injected, as far as a record says what that was."""
    spec = pod.raw.get("spec")
    if not isinstance(spec, dict) or not any(_has(spec.get(key)) for key in ("initContainers", "containers")):
        return [note(f"there is no {NAME} in it")]
    shared = Shared(pod.part.data)
    shared.own_keys(pod.raw)
    shared.own(pod.raw, "spec")
    found = record.parse(_annotations(pod.raw).get(RECORD))
    kept = found or Record()
    names = {**OURS, "imagePullSecrets": frozenset(kept.pull_secrets)}
    for key in names:
        _drop_from(pod.raw, key, names[key], shared)
    _drop_annotations(pod.raw, shared)
    _undo(pod, kept)
    pod.part.changed = True
    told = [note(WRITTEN_OUT)] if shared.written_out else []
    return told if found else [*told, note("it has no record of what was before the sensor: the rest of the pod stays")]


def _has(listed: object) -> bool:
    return isinstance(listed, list) and any(isinstance(one, dict) and one.get("name") == NAME for one in listed)


def _annotations(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = raw.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _drop_from(raw: Any, key: str, names: frozenset[str], shared: Shared) -> None:
    listed = raw["spec"].get(key)
    if not isinstance(listed, list):
        return
    numbers = [n for n, one in enumerate(listed) if isinstance(one, dict) and one.get("name") in sorted(names)]
    if numbers:
        listed = shared.own(raw, "spec", key)
    for number in reversed(numbers):
        del listed[number]


def _drop_annotations(raw: Any, shared: Shared) -> None:
    for key in (STATUS, RECORD):
        if key in _annotations(raw):
            drop(shared.own(raw, "metadata", "annotations"), key)


def _undo(pod: Pod, kept: Record) -> None:
    """Only what injection changes is undone, whatever a record says; and of lists only those that are empty again."""
    _restore(pod, kept, pod.raw["spec"], "/spec/shareProcessNamespace")
    for name in ("initContainers", "volumes", "imagePullSecrets"):
        if not pod.raw["spec"].get(name):
            _restore(pod, kept, pod.raw["spec"], f"/spec/{name}")
    metadata = pod.raw.get("metadata")
    if isinstance(metadata, dict) and not metadata.get("annotations"):
        _restore(pod, kept, metadata, "/metadata/annotations")
        if not metadata or list(metadata) == ["annotations"]:
            _restore(pod, kept, pod.raw, "/metadata")


def _restore(pod: Pod, kept: Record, parent: Any, pointer: str) -> None:
    key = pointer.rpartition("/")[2]
    if pointer in kept.added:
        drop(parent, key)
    elif pointer in kept.was:
        parent[key] = pod.part.node(kept.was[pointer])
