"""The labels of the pod, from the file that the kubelet writes of them (downward API, `metadata.labels`).

A line for each, sorted by name: `name="value"`, the value quoted as Go does it (Kubernetes, pkg/fieldpath). Neither a
name nor a value may have a quote or a backslash in it (Kubernetes documentation, "Labels and Selectors").
"""

import logging
import re

USUAL_FILE = "/var/run/secrets/fargate-sensor/labels"
"""Where injection mounts it."""
MOST_BYTES = 4096
"""Of all labels together as JSON: where events travel one by one, each has them."""
FILE_LIMIT = 1 << 20
AROUND = len('"":"",')

_WORD = rb"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL = re.compile(rb'((?:[a-z0-9.-]{1,253}/)?%b)="((?:%b)?)"' % (_WORD, _WORD))

log = logging.getLogger("sensor.containers")


def read(path: str = USUAL_FILE) -> dict[str, str]:
    """The labels as they are now; none where the file is not there. What is wrong with it is logged."""
    try:
        with open(path, "rb") as file:
            labels, left_out = parse(file.read(FILE_LIMIT))
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.warning("%s: the pod's labels are not known: %s", path, error.strerror)
        return {}
    if left_out:
        log.warning("%s: %d lines of the pod's labels were left out: malformed, or too long together", path, left_out)
    return labels


def parse(raw: bytes) -> tuple[dict[str, str], int]:
    """The labels of a file, and how many of its lines were left out: they are none, or pass `MOST_BYTES`."""
    labels: dict[str, str] = {}
    left_out, left = 0, MOST_BYTES
    for line in raw.splitlines():
        found = _LABEL.fullmatch(line)
        if found is None or len(found[1]) + len(found[2]) + AROUND > left:
            left_out += bool(line)
            continue
        left -= len(found[1]) + len(found[2]) + AROUND
        labels[found[1].decode()] = found[2].decode()
    return labels, left_out
