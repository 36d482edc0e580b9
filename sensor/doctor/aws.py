"""Whether there are credentials for the AWS destinations and for a login with a role, asked for as the sensor will."""

import asyncio
from collections.abc import Sequence

from sensor.config.aws_rules import NEEDS
from sensor.config.settings import Settings
from sensor.doctor.check import Check, ok, unavailable
from sensor.model.clock import SystemClock
from sensor.model.errors import DeliveryError

NAME = "aws credentials"


def check(settings: Settings) -> Check | None:
    """The key that was handed out, or why there is none; None where nothing that is configured needs one."""
    wanted = [name for name in settings.destinations if name in NEEDS]
    login = settings.ingest_identity == "aws" and "ingest_http" in settings.destinations
    if not (wanted or login) or settings.aws_region is None:
        return None
    return asyncio.run(_ask(wanted, settings))


async def _ask(wanted: Sequence[str], settings: Settings) -> Check:
    from shippers import aws_client, aws_credentials, registry  # 50 ms, and only where there is somebody to ask

    aws = registry.aws(NAME, settings, SystemClock())
    credentials = aws_credentials.AwsCredentials(environ=aws.environ, region=aws.region, clock=aws.clock)
    try:
        credentials.find_source()
        async with aws_client.http(aws) as client:
            found = await credentials.current(client)
    except DeliveryError as error:
        return unavailable(NAME, str(error), "a role for the task (taskRoleArn) or for the pod's service account")
    unseen = f"; whether they may write to {', '.join(wanted)} is seen at the first record" if wanted else ""
    return ok(NAME, f"{found.access_key_id}{unseen}")
