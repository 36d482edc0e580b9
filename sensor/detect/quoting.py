r"""What a shell was told, without the quotes that change nothing: `cu''rl`, `"cur"l`, `c\url`, `$'\x63url'` are `curl`.

Only what would mean the same without quotes loses them. Around a blank, an operator, a pattern or a `$` they stay, so
that what a shell takes for text never becomes a command, a pipe or two words. Quotes are not paired over the whole
text: `: #'` before a command would hide all that is behind it (docs/adr/0115).
"""

import re

from sensor.model.events import Event, Process
from sensor.model.kinds import Kind

SHELLS = frozenset({"sh", "ash", "bash", "dash", "fish", "ksh", "mksh", "oksh", "rbash", "yash", "zsh"})
"""Programs that read arguments as commands, without the numbers of versions."""
_VERSION = "-.0123456789"
_WORDS = frozenset(f"{folder}{name}" for folder in ("", "-", "/bin/", "/usr/bin/") for name in SHELLS)
"""How arguments name them: `busybox sh`, `env bash`, `timeout 5 /bin/sh`."""
_FIRST = 16
"""So many arguments are looked at for one."""

_PLAIN = r"[\w@%+=:,./^-]"
"""Characters that mean themselves to a shell, with quotes and without."""
_SPELT = re.compile(r"\$'((?:[^'\\]|\\.)*+)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(['\"\\]))")
_BASES = (16, 16, 16, 8)
_ASCII = range(1, 128)
_NEEDLESS = re.compile(
    rf"""(\\['"\\])"""  # no quote, and no backslash: stays
    rf"""|\$?(?:'({_PLAIN}++)'|"({_PLAIN}++)")"""  # around a word or a part of one
    rf"""|\\({_PLAIN})|\\\n"""
    rf"""|(?<={_PLAIN})\$?(?:''|"")|\$?(?:''|"")(?={_PLAIN}|['"\\])"""  # nothing, within a word: alone it is a word
)


def without_quoting(event: Event) -> Event | None:
    """The event of a shell's start as if its arguments had been written without needless quotes; None where there are
    none, and for any other event. No argument becomes longer."""
    process = event.process
    if event.kind is not Kind.PROCESS_EXEC or process is None or not (written := process.args):
        return None
    if not _starts_shell(process, written):
        return None
    args = tuple([unquoted(word) for word in written])
    return None if args == written else event._replace(process=process._replace(args=args))


def unquoted(text: str) -> str:
    """The text without quotes, backslashes and escapes that a shell takes out and that protect nothing."""
    if "'" not in text and '"' not in text and "\\" not in text:
        return text
    if "$'" in text:
        text = _SPELT.sub(_spelt, text)
    return _NEEDLESS.sub(r"\1\2\3\4", text)


def _starts_shell(process: Process, args: tuple[str, ...]) -> bool:
    """Whether it is a shell, or is told to run one, as far as its name or first arguments say."""
    name = process.exe or process.comm or ""
    name = name[name.rfind("/") + 1 :]
    return name.rstrip(_VERSION) in SHELLS or not _WORDS.isdisjoint(args[:_FIRST])


def _spelt(found: re.Match[str]) -> str:
    """Of `$'...'` what is spelt by numbers, in quotes that the next step may find needless."""
    return f"'{_ESCAPE.sub(_character, found[1])}'"


def _character(found: re.Match[str]) -> str:
    """What an escape stands for; beyond ASCII it is left, since `\\xe4` is a byte and no character."""
    *numbers, itself = found.groups()
    if itself is not None:
        return str(itself)
    number = next(int(digits, base) for digits, base in zip(numbers, _BASES, strict=True) if digits is not None)
    return chr(number) if number in _ASCII else found[0]
