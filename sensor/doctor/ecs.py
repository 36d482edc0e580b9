"""What the ECS task metadata endpoint says, which names the task and its containers."""

import asyncio
from collections.abc import Collection, Mapping

from sensor.containers import metadata_get
from sensor.containers.ecs_metadata import endpoint
from sensor.containers.metadata_get import MetadataUnreachable
from sensor.containers.task_metadata import MalformedMetadata, TaskMetadata, parse
from sensor.doctor.check import Check, degraded, ok, unavailable

NAME = "ecs metadata"


def check(environ: Mapping[str, str], seen: Collection[str]) -> Check | None:
    """The task as the endpoint names it; None outside ECS. `seen` are the ids of containers, as the processes tell."""
    url = endpoint(environ)
    if url is None:
        return None
    try:
        found = parse(asyncio.run(metadata_get.get(url)))
    except (MetadataUnreachable, MalformedMetadata) as error:
        return unavailable(NAME, str(error), "events go without the names of task and containers until it answers")
    nameless = [container_id for container_id in seen if container_id not in found.containers]
    if seen and len(nameless) == len(seen):
        return degraded(NAME, f"{_told(found)}; none of them goes by an id that is seen here, such as {nameless[0]}")
    return ok(NAME, _told(found))


def _told(found: TaskMetadata) -> str:
    task = found.task
    names = ", ".join(sorted(container.name or container.id for container in found.containers.values())) or "none"
    where = f"{task.platform}, {task.az or 'zone unknown'}, {found.cores or 'unknown'} vCPU"
    return f"{task.arn} ({task.family or '?'}:{task.revision or '?'}; {where}); containers {names}"
