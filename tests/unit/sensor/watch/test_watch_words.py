"""What a process is called in a line for a person."""

import pytest

from sensor.watch.words import program


@pytest.mark.parametrize(
    ("process", "name"),
    [
        ({"exe": "/bin/ls", "args": ["x"]}, "ls"),
        ({"exe": "/", "args": ["runc", "init"]}, "runc"),
        ({"comm": "worker", "args": ["x"]}, "worker"),
        ({"args": ["/opt/tool"]}, "tool"),
        ({}, "?"),
    ],
)
def test_a_program_has_a_name_by_what_is_known_of_it(process: dict[str, object], name: str) -> None:
    assert program(process) == name
