"""Calls of the AWS command line, checked against botocore's models of the services: operations, parameters, types."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

GLOBAL = {"--region", "--query", "--output", "--profile"}
CLI_ONLY = {("logs", "tail"): {"--since", "--format", "--follow"}, ("ecr", "get-login-password"): set[str]()}
"""Commands of the command line that are no operation of a service, with their options."""


def complain(words: Sequence[str], folder: Path) -> str | None:
    """What is wrong with `aws WORDS`, or nothing."""
    service, verb, *rest = words
    given = dict(options(rest))
    if (service, verb) in CLI_ONLY:
        unknown = {each for each in given if each.startswith("--")} - CLI_ONLY[service, verb] - GLOBAL
        return f"no such option: {unknown}" if unknown else None
    model = _model(service)
    operation = {xform_name(name, "-"): name for name in model.operation_names}.get(verb)
    if operation is None:
        return f"{service} has no operation {verb}"
    shape = model.operation_model(operation).input_shape
    parameters: dict[str, Any] = {}
    for option, values in given.items():
        if option == "--cli-input-json":
            parameters |= json.loads(_text(values[0], folder))
        elif option not in GLOBAL:
            member = {"--" + xform_name(name, "-"): name for name in shape.members}.get(option)
            if member is None:
                return f"{service} {verb} has no option {option}"
            parameters[member] = _value(shape.members[member], [_text(value, folder) for value in values])
    report = ParamValidator().validate(parameters, shape)
    return report.generate_report() if report.has_errors() else None


def options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with the words up to the next one; a word before all options goes under its own name."""
    named: tuple[str, list[str]] | None = None
    for word in words:
        if word.startswith("--"):
            if named:
                yield named
            named = (word, [])
        elif named:
            named[1].append(word)
        else:
            yield word, []
    if named:
        yield named


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _text(value: str, folder: Path) -> str:
    return (folder / value.removeprefix("file://")).read_text() if value.startswith("file://") else value


def _value(shape: Any, words: list[str]) -> Any:
    """Words as the type wants them: JSON or shorthand where it has parts."""
    if shape.type_name == "list":
        return [_value(shape.member, [word]) for word in words]
    (word,) = words or ["true"]
    if shape.type_name == "structure":
        return json.loads(word) if word.startswith("{") else _structure(shape, word)
    return _scalar(shape, word)


def _structure(shape: Any, word: str) -> dict[str, Any]:
    """`a=b,c=[d,e],f={g=h}`: the shorthand of the command line."""
    made: dict[str, Any] = {}
    for part in _parts(word):
        name, _, value = part.partition("=")
        member = shape.members.get(name)
        if member is None:
            made[name] = value  # the validator says that it is unknown
        elif member.type_name == "list":
            made[name] = [_value(member.member, [one]) for one in _parts(value.strip("[]"))]
        elif member.type_name == "structure":
            made[name] = _structure(member, value[1:-1])
        else:
            made[name] = _scalar(member, value)
    return made


def _parts(word: str) -> list[str]:
    """Split at the commas that are in no bracket."""
    parts, depth = [""], 0
    for letter in word:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _scalar(shape: Any, word: str) -> Any:
    if shape.type_name in ("integer", "long"):
        return int(word) if word.isdecimal() else word
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(word, word)
    return word
