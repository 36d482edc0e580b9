"""Inline IAM policies: the statements that allow something, or that may."""

from collections.abc import Iterator
from typing import Any

from deploy.checks.model import Statement
from deploy.checks.section import UNKNOWN, Section


def statements(holder: Section, key: str, name: str) -> Iterator[Statement]:
    """Those of the policy under `key` with effect Allow, and what of it is unknown as a statement without more.

    Policies are spelt in one way everywhere, so `holder` must not respell them.
    """
    holder = holder.alone()
    policy = holder.section(key).alone()
    value = policy.raw("Statement")
    many = [*policy.sections("Statement")] if isinstance(value, list) else [policy.section("Statement")]
    for one in many:
        yield from _statement(one.alone(), name)
    if holder.unknown() or policy.unknown():
        yield unknown_policy(holder, name)


def unknown_policy(holder: Section, name: str) -> Statement:
    """Stands for a policy, or a part of one, that only the deployment knows."""
    return Statement(name=f"policy {name}", path=holder.path, unknown=frozenset({"Statement"}))


def _statement(one: Section, name: str) -> Iterator[Statement]:
    effect = one.decided("Effect")
    if effect != "Allow" and "Effect" not in one.unknown():
        return
    yield Statement(
        name=f"policy {name}",
        path=one.path,
        actions=_one_or_many(one, "Action"),
        resources=_one_or_many(one, "Resource"),
        all_but=_is_there(one, "NotAction"),
        resources_but=_is_there(one, "NotResource"),
        unknown=frozenset(one.unknown()).union(key for key in ("Action", "Resource") if _in_part(one, key)),
    )


def _is_there(one: Section, key: str) -> bool:
    return one.raw(key) is not None or key in one.unknown()


def _one_or_many(section: Section, key: str) -> tuple[str, ...]:
    """The texts that are known."""
    value: Any = section.raw(key)
    if isinstance(value, str):
        return (value,)
    return section.texts(key) if isinstance(value, list) else ()


def _in_part(section: Section, key: str) -> bool:
    """Whether a list has something in it that only the deployment knows."""
    value: Any = section.raw(key)
    return isinstance(value, list) and any(section.reading.resolve(one) is UNKNOWN for one in value)
