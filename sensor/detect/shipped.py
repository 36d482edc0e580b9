"""The rules that come with the sensor, compiled when it was built (`make rules`, or the Dockerfile)."""

from pathlib import Path

from sensor.detect.compact import MalformedRules, Problem, RuleSet, unpack

SHIPPED = Path(__file__).with_name("shipped.msgpack")


def shipped() -> RuleSet:
    """Those rules; where they are missing or broken, none, and the problem."""
    try:
        return unpack(SHIPPED.read_bytes())
    except OSError as error:
        return RuleSet(problems=(Problem(str(SHIPPED), f"the shipped rules cannot be read: {error.strerror}"),))
    except MalformedRules as error:
        return RuleSet(problems=(Problem(str(SHIPPED), str(error)),))
