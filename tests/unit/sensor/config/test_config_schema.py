"""The settings' schema beside the one that pydantic makes."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from annotated_types import Gt, MultipleOf
from pydantic import TypeAdapter

from sensor.config.schema import dataclass_schema
from sensor.config.settings import Settings


def test_it_is_the_one_that_pydantic_makes() -> None:
    theirs: Any = dict(TypeAdapter(Settings).core_schema)
    del theirs["ref"]  # names the class for schemas that refer to themselves
    assert dataclass_schema(Settings) == theirs


def test_what_it_does_not_know_is_refused() -> None:
    for hint in (
        bytes,
        dict[str, str],
        str | int,
        tuple[int, int],
        Annotated[int, Gt(3)],
        Annotated[int, MultipleOf(3)],
    ):
        made: type[Any] = dataclass(slots=True)(type("Made", (), {"__annotations__": {"one": hint}, "one": None}))
        with pytest.raises(TypeError, match="not provided for"):
            dataclass_schema(made)
