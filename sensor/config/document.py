"""Writes docs/configuration.md from the settings: `python -m sensor.config.document`."""

import sys
import typing
from dataclasses import Field
from pathlib import Path
from typing import Any

from annotated_types import DocInfo, Ge, Le

from sensor.config.settings import JSON, LISTS, SECRETS, SETTINGS, SWITCHES, Settings, option, variable

_HEAD = """\
# Configuration of the sensor

Written from `sensor/config/settings.py` by `python -m sensor.config.document`; a test keeps it current.

Every setting is an environment variable and an option of `fargate-sensor run` and `watch`; an option wins. A switch
is `--name` or `--no-name` on the command line and true or false, 1 or 0, on or off, yes or no in the environment.
An empty variable counts as not set. `fargate-sensor doctor` tells what is wrong with the configuration, and so does
`run`: all of it at once, in the log. `run` then stays up without collecting, unless it is strict.

Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.

| Variable | Option | Default | Allowed | Meaning |
|---|---|---|---|---|
"""


def render() -> str:
    """The whole document."""
    return _HEAD + "".join(_row(field) for field in SETTINGS)


def lines() -> list[str]:
    """The options for a `--help`: name, default and meaning, one setting a line."""
    named = [(option(f.name), f) for f in SETTINGS if f.name not in SECRETS]
    width = max(len(name) for name, _ in named)
    return [f"  {name:<{width}}  {_about(f.name).replace('`', '')} [{_default(f)}]" for name, f in named]


def _row(field: Field[Any]) -> str:
    flag = "never" if field.name in SECRETS else f"`{option(field.name)}`"
    cells = f"`{variable(field.name)}`", flag, _default(field), _allowed(field.name), _about(field.name)
    return f"| {' | '.join(cells)} |\n"


def _about(name: str) -> str:
    return next(m.documentation for m in _hint(name).__metadata__ if isinstance(m, DocInfo))


def _default(field: Field[Any]) -> str:
    default: Any = field.default
    if default is None or default == ():
        return "none"
    if field.name in SWITCHES:
        return str(default).lower()
    return ",".join(default) if field.name in LISTS else str(default)


def _allowed(name: str) -> str:
    hint = _hint(name)
    if name in SWITCHES:
        return "true, false"
    if name in JSON:
        return "JSON"
    choices = [c for part in _parts(hint) if typing.get_origin(part) is typing.Literal for c in typing.get_args(part)]
    if choices:
        return ", ".join(choices)
    bounds = [str(m.ge if isinstance(m, Ge) else m.le) for m in hint.__metadata__ if isinstance(m, Ge | Le)]
    return " to ".join(bounds) or "text"


def _hint(name: str) -> Any:
    return typing.get_type_hints(Settings, include_extras=True)[name]


def _parts(hint: Any) -> list[Any]:
    """A type and all that it is made of."""
    return [hint, *(part for inner in typing.get_args(hint) for part in _parts(inner))]


def main() -> int:
    """Write the document of the checkout that this package runs from."""
    target = Path(__file__).parents[2] / "docs" / "configuration.md"
    if not target.parent.is_dir():
        sys.stderr.write(f"{target.parent}: no such directory; run this from a checkout\n")
        return 1
    target.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
