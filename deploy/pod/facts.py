"""What the sensor must know of its pod and cannot see from within."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from deploy.sidecar import variables
from deploy.sidecar.specification import MARGIN_S, STOP_DEADLINE, stop_deadline_s

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HOOKS = ("postStart", "preStop")
MOST_IMAGES = 64
"""What the setting takes (docs/configuration.md): one that is refused would leave the sensor without any."""
LEAST_CPUS, MOST_CPUS = Decimal("0.01"), Decimal(1024)
GRACE_S = 30
"""What Kubernetes gives a pod to stop in, unless it says otherwise."""


def of(spec: Mapping[str, Any]) -> dict[str, str]:
    """The variables, each only where there is something to say."""
    found = {
        "SENSOR_CONTAINER_IMAGES": _images(spec),
        variables.PROBES: _probe_commands(spec),
        "SENSOR_CPUS": _cpus(spec),
    }
    return {name: value for name, value in found.items() if value is not None}


def stop_deadline(spec: Mapping[str, Any], wished: Mapping[str, str]) -> dict[str, str]:
    """The variable where the sensor would take longer than the pod has: what it still holds at SIGKILL is lost."""
    grace = spec.get("terminationGracePeriodSeconds")
    longest = max(1, (grace if isinstance(grace, int) and not isinstance(grace, bool) else GRACE_S) - MARGIN_S)
    return {STOP_DEADLINE: str(longest)} if stop_deadline_s(wished) > longest else {}


def probe_commands(container: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The commands that a container's probes run in it, each as it is written."""
    return _commands(container, PROBES)


def hook_commands(container: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The same of its `lifecycle`."""
    lifecycle = container.get("lifecycle")
    return _commands(lifecycle, HOOKS) if isinstance(lifecycle, Mapping) else iter(())


def _commands(where: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[list[Any]]:
    for probe in map(where.get, keys):
        run = probe.get("exec") if isinstance(probe, Mapping) else None
        command = run.get("command") if isinstance(run, Mapping) else None
        if isinstance(command, list) and command:
            yield list(command)


def uid(spec: Mapping[str, Any]) -> int | None:
    """The user that most of the containers say they run as; None where none says it."""
    pod = _uid_in(spec)
    said = [_uid_in(one) if _uid_in(one) is not None else pod for one in spec["containers"]]
    known = [one for one in said if one]
    return Counter(known).most_common(1)[0][0] if known else None


def _uid_in(where: Mapping[str, Any]) -> int | None:
    context = where.get("securityContext")
    found = context.get("runAsUser") if isinstance(context, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from spec.get("initContainers") or ()
    yield from spec["containers"]


def _images(spec: Mapping[str, Any]) -> str | None:
    pairs = [[one.get("name"), one.get("image")] for one in _containers(spec)]
    sound = [pair for pair in pairs if all(variables.fits(text) and text for text in pair)][:MOST_IMAGES]
    return variables.array(sound) if sound else None


def _probe_commands(spec: Mapping[str, Any]) -> str | None:
    found: list[list[str]] = []
    for one in _containers(spec):
        for command in (*probe_commands(one), *hook_commands(one)):
            if len(found) < variables.MOST_COMMANDS and variables.is_command(command) and command not in found:
                found.append(command)
    return variables.array(found) if found else None


def _cpus(spec: Mapping[str, Any]) -> str | None:
    """What the pod's containers may use together; None where one of them has no limit."""
    whole = _limit(spec)
    limits = [whole] if whole is not None else [_limit(one) for one in spec["containers"]]
    total = Decimal(0)
    for limit in limits:
        if limit is None:
            return None
        total += limit
    return f"{total.normalize():f}" if LEAST_CPUS <= total <= MOST_CPUS else None


def _limit(where: Mapping[str, Any]) -> Decimal | None:
    resources = where.get("resources")
    limits = resources.get("limits") if isinstance(resources, Mapping) else None
    return quantity(limits.get("cpu")) if isinstance(limits, Mapping) else None


def quantity(value: object) -> Decimal | None:
    """Cores: `2`, `0.5`, `250m` (resource.Quantity). None for anything else."""
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    milli = text.endswith("m")
    try:
        found = Decimal(text[:-1] if milli else text)
    except InvalidOperation:
        return None
    if not found.is_finite() or abs(found.adjusted()) > 9:
        return None
    return found / 1000 if milli else found
