"""Inline IAM policies: the statements that allow something."""

from collections.abc import Iterator
from typing import Any

from deploy.checks.model import Statement
from deploy.checks.section import Section


def statements(policy: Section, name: str) -> Iterator[Statement]:
    """Statements with effect Allow; policies are spelt in one way everywhere, so `policy` must not respell them."""
    value = policy.raw("Statement")
    many = [*policy.sections("Statement")] if isinstance(value, list) else [policy.section("Statement")]
    for one in many:
        if one.text("Effect") == "Allow":
            yield Statement(
                name=f"policy {name}",
                path=one.path,
                unknown=frozenset(policy.reading.unknown),
                actions=_one_or_many(one, "Action"),
                resources=_one_or_many(one, "Resource"),
                all_but=one.raw("NotAction") is not None,
            )


def _one_or_many(section: Section, key: str) -> tuple[str, ...]:
    value: Any = section.raw(key)
    if isinstance(value, str):
        return (value,)
    return section.texts(key) if isinstance(value, list) else ()
