"""Whether there are credentials for the AWS destinations, asked for the way the sensor will ask."""

import asyncio
from collections.abc import Sequence

from sensor.config.aws_rules import NEEDS
from sensor.config.settings import Settings
from sensor.doctor.check import Check, ok, unavailable
from sensor.model.clock import SystemClock
from sensor.model.errors import DeliveryError

NAME = "aws credentials"


def check(settings: Settings) -> Check | None:
    """The key that was handed out, or why there is none; None where no AWS destination is configured."""
    wanted = [name for name in settings.destinations if name in NEEDS]
    if not wanted or settings.aws_region is None:
        return None
    return asyncio.run(_ask(wanted, settings))


async def _ask(wanted: Sequence[str], settings: Settings) -> Check:
    from shippers import aws_client, aws_credentials, registry  # 50 ms, and only where there is somebody to ask

    aws = registry.aws(wanted[0], settings, SystemClock())
    credentials = aws_credentials.AwsCredentials(environ=aws.environ, region=aws.region, clock=aws.clock)
    try:
        credentials.find_source()
        async with aws_client.http(aws) as client:
            found = await credentials.current(client)
    except DeliveryError as error:
        return unavailable(NAME, str(error), "a role for the task (taskRoleArn) or for the pod's service account")
    return ok(NAME, f"{found.access_key_id}; whether they may write to {', '.join(wanted)} is seen at the first record")
