"""The rules that come with the sensor, compiled when it was built (`make rules`, or the Dockerfile)."""

import os

from sensor.detect.compact import MalformedRules, Problem, RuleSet, unpack

SHIPPED = os.path.join(os.path.dirname(__file__), "shipped.msgpack")

MEND = "in a checkout `make rules` compiles them"


def shipped() -> RuleSet:
    """Those rules; where they are missing or broken, none, and the problem."""
    try:
        with open(SHIPPED, "rb") as file:
            return unpack(file.read())
    except OSError as error:
        return RuleSet(problems=(Problem(SHIPPED, f"the shipped rules cannot be read: {error.strerror}; {MEND}"),))
    except MalformedRules as error:
        return RuleSet(problems=(Problem(SHIPPED, str(error)),))
