"""Whether the users' rules can be used, compiled as the sensor does it: in a child with limits of its own."""

import asyncio

from sensor.app.rule_feed import engine_with, problems_of, summary
from sensor.config.settings import Settings
from sensor.detect.compact import MalformedRules
from sensor.doctor.check import Check, degraded, ok

NAME = "rules"
MEND = "`fargate-sensor rules check PATH` tells every error with its file and line"


def check(settings: Settings) -> Check | None:
    """None where no rules are configured, or detection is off."""
    if not settings.rules or not settings.detection:
        return None
    try:
        engine = asyncio.run(engine_with(settings.rules))
    except (OSError, MalformedRules, TimeoutError) as error:
        return degraded(NAME, f"not compiled, those that ship stay: {str(error) or type(error).__name__}", MEND)
    if not (problems := problems_of(engine)):
        return ok(NAME, summary(engine))
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return degraded(NAME, f"{problems[0].source}: {problems[0].text}{more}; {summary(engine)}", MEND)
