"""What a sensor without requests means for those who scale the app."""

import json
from collections.abc import Mapping
from typing import Any

from deploy.sidecar.specification import MEMORY_MIB

SOME = {"cpu": "10m", "memory": f"{MEMORY_MIB}Mi"}
"""By the resources that a HorizontalPodAutoscaler can go by, what the sensor might request of them."""


def unscalable(spec: Mapping[str, Any], resources: Mapping[str, Any]) -> str | None:
    """A line where a HorizontalPodAutoscaler can go by utilisation now, and with the sensor's `resources` no longer.

    It refuses a pod in which any container, native sidecars among them, has no request for the resource
    (calculatePodRequests in pkg/controller/podautoscaler), unless the pod as a whole has one.
    """
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    lost = {
        name: some
        for name, some in SOME.items()
        if not _requests({"resources": resources}, name)
        and not _requests(spec, name)
        and all(_requests(one, name) for one in [*spec["containers"], *sidecars])
    }
    if not lost:
        return None
    return (
        f"the app requests {' and '.join(lost)}, the sensor does not: a HorizontalPodAutoscaler by {' or '.join(lost)} "
        f"utilisation stops scaling this pod; --resources '{json.dumps({'requests': lost})}' gives the sensor requests"
    )


def _requests(where: Mapping[str, Any], name: str) -> bool:
    """Whether there is a request; a limit alone stands for one (defaults of core/v1)."""
    resources = where.get("resources")
    said = [resources.get(kind) for kind in ("requests", "limits")] if isinstance(resources, Mapping) else []
    return any(isinstance(one, Mapping) and one.get(name) is not None for one in said)
