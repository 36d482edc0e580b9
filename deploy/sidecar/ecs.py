"""The sensor's container as ECS writes it: an entry of `containerDefinitions` (RegisterTaskDefinition)."""

from typing import Any

from deploy.sidecar.specification import NAME, SPOOL_DIR, VOLUME, HealthCheck, Sidecar


def container(sidecar: Sidecar) -> dict[str, Any]:
    """The container definition, in camelCase. Log configuration, labels and secrets are not the specification's."""
    environment = dict(sidecar.environment) | ({"SENSOR_SPOOL_DIR": SPOOL_DIR} if sidecar.spool else {})
    return {
        "name": NAME,
        "image": sidecar.image,
        "essential": False,
        **({"command": list(sidecar.command)} if sidecar.command else {}),
        "user": sidecar.user,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"add": list(sidecar.capabilities)}},
        "environment": [{"name": name, "value": environment[name]} for name in environment],
        **({"mountPoints": [mount()]} if sidecar.spool else {}),
        "restartPolicy": {"enabled": True, "restartAttemptPeriod": sidecar.restart_after_s},
        "stopTimeout": sidecar.stop_timeout_s,
        "healthCheck": _health_check(sidecar.health_check),
    }


def mount() -> dict[str, Any]:
    """The spool's place in the container."""
    return {"sourceVolume": VOLUME, "containerPath": SPOOL_DIR, "readOnly": False}


def volume() -> dict[str, Any]:
    """The spool's volume: a part of the task's ephemeral storage, which outlives the container's restarts."""
    return {"name": VOLUME}


def _health_check(check: HealthCheck) -> dict[str, Any]:
    return {
        "command": ["CMD", *check.command],
        "interval": check.interval_s,
        "timeout": check.timeout_s,
        "retries": check.retries,
        "startPeriod": check.start_period_s,
    }
