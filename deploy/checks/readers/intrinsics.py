"""CloudFormation's functions, as far as a template alone decides them."""

import re
from collections.abc import Mapping
from typing import Any

from deploy.checks.holes import UNNAMED
from deploy.checks.section import UNKNOWN

NO_ECHO = "{{resolve:no-echo:"
"""Begins what stands for a parameter with NoEcho: whoever deploys gives a secret there."""

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


class Intrinsics:
    """Resolves a value to what it will be, to text with `${...}` where a part is not known, or to UNKNOWN."""

    def __init__(self, parameters: Any) -> None:
        self._parameters: Mapping[str, Any] = parameters if isinstance(parameters, dict) else {}

    def __call__(self, value: Any) -> Any:
        """One value; what is in it is not touched."""
        if not isinstance(value, dict) or len(value) != 1:
            return value
        name, argument = next(iter(value.items()))
        if name == "Ref":
            return self._reference(argument)
        if name == "Fn::Sub":
            return self._substituted(argument)
        if name == "Fn::Join":
            return self._joined(argument)
        return UNKNOWN if name.startswith("Fn::") or name == "Condition" else value

    def _reference(self, name: Any) -> Any:
        if name == "AWS::NoValue":
            return None
        parameter = self._parameters.get(name) if isinstance(name, str) else None
        if not isinstance(parameter, dict):
            return UNKNOWN
        if str(parameter.get("NoEcho", "")).lower() == "true":
            return f"{NO_ECHO}{name}}}}}"
        if parameter.get("Type") in ("String", "Number") and isinstance(parameter.get("Default"), str | int | float):
            return parameter["Default"]
        return UNKNOWN

    def _substituted(self, argument: Any) -> Any:
        text = argument[0] if isinstance(argument, list) and argument else argument
        if not isinstance(text, str):
            return UNKNOWN
        own = argument[1] if isinstance(argument, list) and len(argument) > 1 and isinstance(argument[1], dict) else {}

        def known(found: re.Match[str]) -> str:
            return UNNAMED if found[1] in own else self._referred(found[1])

        return _VARIABLE.sub(known, text)

    def _joined(self, argument: Any) -> Any:
        if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], list)):
            return UNKNOWN
        return str(argument[0]).join(map(self._part, argument[1]))

    def _part(self, part: Any) -> str:
        """A part of a join; nested functions are not followed, so that a small template cannot grow."""
        if isinstance(part, str | int | float):
            return str(part)
        return self._referred(part["Ref"]) if isinstance(part, dict) and "Ref" in part else UNNAMED

    def _referred(self, name: Any) -> str:
        """What a name refers to, or a hole of this name."""
        value = self._reference(name)
        if value is UNKNOWN or value is None:
            return f"${{{name}}}" if isinstance(name, str) else UNNAMED
        return str(value)
