import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.telemetry.losses import ACCOUNTS, AT_MOST, EXACT, UNEXPLAINED, UNKNOWN, UNLISTED, account

ROOT = Path(__file__).parents[3]
PACKAGES = ("sensor", "collectors", "shippers")


def counted_in_the_code() -> Iterator[str]:
    """Every reason that a call of `lost` names, by a text or by a constant of its module."""
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "lost":
                yield from reason(path, node.args[0])


def reason(path: Path, argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.Name) and argument.id.isupper():
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        yield getattr(module, argument.id)


def test_every_reason_that_the_code_counts_has_its_account() -> None:
    reasons = set(counted_in_the_code())
    assert "queue_full" in reasons
    assert sorted(reasons - set(ACCOUNTS)) == []


def test_no_account_is_kept_of_what_nothing_counts() -> None:
    assert sorted(set(ACCOUNTS) - set(counted_in_the_code()) - {UNEXPLAINED}) == []


def test_a_new_reason_claims_nothing() -> None:
    assert account("never heard of") == UNLISTED
    assert UNLISTED.bound == UNKNOWN


@pytest.mark.parametrize("reason", ACCOUNTS)
def test_bounds_are_those_of_the_schema(reason: str) -> None:
    assert account(reason).bound in (EXACT, AT_MOST, UNKNOWN)
