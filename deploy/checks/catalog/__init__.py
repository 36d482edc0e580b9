"""The checks, a module each with its `CHECK`."""

from importlib import import_module
from pkgutil import iter_modules

from deploy.checks.check import Check


def catalog() -> tuple[Check, ...]:
    """All checks, the most severe first."""
    found = [import_module(f"{__name__}.{module.name}").CHECK for module in iter_modules(__path__)]
    return tuple(sorted(found, key=lambda check: (-check.severity, check.id)))
