"""Calls of Helm, with their values rendered by Helm's own engine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SETS = {"--set", "--set-file"}
WITH_A_WORD = {*SETS, "--namespace"}
ALONE = {"--create-namespace", "--wait"}


def complain(words: Sequence[str], folder: Path) -> str | None:
    """What is wrong with `helm WORDS`, or nothing. Paths in `--set-file` are those of `folder`."""
    verb, *rest = words
    names, given = _sorted(rest)
    unknown = [option for option, _ in given if option not in WITH_A_WORD | ALONE]
    if unknown:
        return f"no such option: {unknown}"
    if verb == "test":
        return None if len(names) == 1 else f"one release is tested, not {names}"
    if verb not in ("install", "template", "upgrade"):
        return f"nothing knows helm {verb}"
    return _render(names, given, folder)


def _sorted(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """What is no option, and each option with its word."""
    names, given, left = [], [], iter(words)
    for word in left:
        if word.startswith("-"):
            given.append((word, next(left) if word in WITH_A_WORD else ""))
        else:
            names.append(word)
    return names, given


def _render(names: Sequence[str], given: Sequence[tuple[str, str]], folder: Path) -> str | None:
    import helm_python

    release, path = names
    values: dict[str, Any] = {}
    for option, word in given:
        if option == "--set":
            _merge(values, helm_python.parse_set_string(word))
        elif option == "--set-file":
            name, _, file = word.partition("=")
            _merge(values, helm_python.parse_set_file(f"{name}={folder / file}"))
    namespace = dict(given).get("--namespace", "default")
    try:
        helm_python.validate_release_name(release)
        with helm_python.Chart.load(folder / path) as chart:
            made = chart.render(values, name=release, namespace=namespace)
    except helm_python.HelmError as error:
        return str(error)
    return None if any(text.strip() for text in made.values()) else "nothing is rendered"


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
