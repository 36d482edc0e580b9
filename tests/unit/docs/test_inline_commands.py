"""Commands of fargate-sensor in the middle of a sentence: what they name stands in the command's own help."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from test_documents import DOCUMENTS, ids

from sensor.cli import COMMANDS

INLINE = re.compile(rf"`(?:fargate-sensor ([a-z][^`\n]*)|((?:{'|'.join(COMMANDS)}) [a-z-][^`\n]*))`")
NAME = re.compile(r"(--)?[a-z][a-z-]*")


@cache
def told(*words: str) -> set[str]:
    """Options and commands that a help names; none where there is no such command."""
    sensor = Path(sys.executable).with_name("fargate-sensor")
    done = subprocess.run([sensor, *words, "--help"], capture_output=True, text=True, timeout=60, check=False)
    return set(re.findall(r"(?<![\w-])(?:--)?[a-z][a-z-]*", done.stdout)) if done.returncode == 0 else set()


def unknown(text: str) -> list[str]:
    """The commands in backticks that name what is not there; what is no small word is a value."""
    return [" ".join(words) for words in _calls(text) if not _is_known(words)]


def _calls(text: str) -> list[list[str]]:
    return [(whole or short).split() for whole, short in INLINE.findall(text)]


def _is_known(words: list[str]) -> bool:
    names = [word.partition("=")[0] for word in words[1:] if NAME.fullmatch(word.partition("=")[0])]
    known = told(words[0])
    if names and not names[0].startswith("-"):
        known = known | told(words[0], names[0])
    return words[0] in COMMANDS and known.issuperset(names)


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if _calls(one.read_text())], ids=ids)
def test_commands_within_a_sentence_exist(document):
    assert unknown(document.read_text()) == []


def test_commands_within_a_sentence_that_do_not_exist_are_told():
    text = "`rules tune`, `inject ecs --no-spool`, `doctor --json`, `fargate-sensor rules check PATH`, `make x`"
    wrong = ["rulez tune", "rules tunes", "inject pod --no-such-option", "doctor --jason"]

    assert unknown(text) == []
    assert unknown("".join(f"`fargate-sensor {one}`, " for one in wrong)) == wrong
