"""Secrets that can be told from their place among the arguments: `--password X`, `mysql -pX`; within `sh -c` too."""

import re
from collections.abc import Iterable, Mapping
from functools import partial

from sensor.enrich.secret_flags import (
    CLUSTERING,
    CURL_ATTACHED,
    NPM_SETTING,
    PROGRAMS,
    SHELLS,
    Cut,
    attached,
    whole,
)
from sensor.enrich.secret_places import (
    FIRST,
    LOGONS,
    PLACES,
    SETTERS,
    SUBCOMMANDS,
    VALUE_FOLLOWS,
    WITHOUT_FILE,
    Place,
)
from sensor.enrich.secret_shapes import MASK
from sensor.enrich.secret_text import mask_bare_headers, mask_text
from sensor.model.secret_names import is_secret_name, is_secret_value

DEPTH = 3
"""Command lines within command lines that are looked into."""

STACKED = 8
"""Names before a value that are looked at: `--env=OPTIONS=-Dpassword=X`."""

_QUOTED = r""""(?:[^"\\$]|\\.|\$\([^()]*+\)|\$)*+"|'[^']*+'"""
"""Quotes within `"$(...)"` do not end it."""
_QUOTED_PART = re.compile(_QUOTED, re.DOTALL)
_SHELL_WORD = re.compile(
    rf"""(?:{_QUOTED}|\\[^\n]|[^\s'"\\;|&()<>`])++|[;|&()`]|(?<!\\)\n|['"<>]|\\(?!\n)""", re.DOTALL
)
"""A backslash before the end of a line is none: what an option takes may stand in the next line."""
_SEPARATORS = frozenset(";|&()`\n")
_BLANK = re.compile(r"\s")
_OPTION = re.compile(r"-[A-Za-z]|--?[a-z][a-z0-9-]*(?:=.*)?", re.DOTALL)
_NAME = re.compile(r"[\w.:/@-]+")
_ASKS = frozenset(
    {"allow", "ask", "create", "disable", "enable", "force", "generate", "get", "no", "print", "prompt"}
    | {"require", "reset", "revoke", "rotate", "show", "skip", "use", "with"}
)
"""What options begin with that are named after a secret and take none: `--ask-pass`, `--with-token`."""

_REDIRECTIONS = frozenset("<>")
_NO_FLAGS: Mapping[str, Cut] = {}
_NO_PLACES: Mapping[str, Place] = {}
_NO_COMMANDS: Mapping[str, Mapping[str, Cut]] = {}
_KNOWN = frozenset((*PROGRAMS, *PLACES, *LOGONS, *SUBCOMMANDS, *SHELLS))


def mask_words(words: Iterable[str], depth: int = 0) -> list[str]:
    """The words of a command line with the secrets among them masked."""
    scan = _Scan(depth)
    return [scan.word(word) for word in words]


def mask_command(text: str, depth: int = 1) -> str:
    """A command line in one string, as for `sh -c`; everything but the secrets stays as it is."""
    found = list(_SHELL_WORD.finditer(text))
    bare = [_unquoted(word[0]) for word in found]
    pieces, done = [], 0
    for word, before, masked in zip(found, bare, mask_words(bare, depth), strict=True):
        if masked != before:
            quote = word[0][0] if before != word[0] else ""
            pieces += [text[done : word.start()], quote, masked, quote]
            done = word.end()
    return "".join([*pieces, text[done:]])


class _Scan:
    """Goes through the words once, knowing the program whose options they are."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._next: Cut | None = None
        self._next_is_value = False
        self._place: Place | None = None
        self._logon: re.Pattern[str] | None = None
        self._sets = False
        self._runs("")

    def word(self, word: str) -> str:
        """The word, masked as far as it is secret."""
        cut, self._next = self._next, None
        if cut is not None and (self._next_is_value or not _OPTION.fullmatch(word)):
            behind = cut(word)
            return behind if behind != word or cut == self._command else self._inside(word)
        if word in _SEPARATORS:
            self._runs("")
            return word
        if "=" in word and (masked := _assignment(word)) is not None:
            return masked if masked != word else self._inside(word)  # `TOKEN="$(curl -u user:X)"`
        if word[:1] == "-":
            word = self._option(word)
        elif self._place is not None or self._logon is not None:
            return self._counted(word)
        else:
            self._operand(word)
        return self._inside(word)

    def _counted(self, word: str) -> str:
        """An operand, masked where its form or its place makes it the secret."""
        masked = word
        if self._logon is not None:
            found = self._logon.match(word)
            masked = word if found is None else f"{found['start']}{MASK}{word[found.end() :]}"
            if found is not None or word[:1] in ("/", "@"):
                self._logon = None
        elif self._place is not None and word not in _REDIRECTIONS:
            skip, take = self._place
            if not skip:
                masked = whole(word)
            self._place = Place(skip - 1, take) if skip else Place(0, take - 1) if take > 1 else None
        else:
            self._place = None
        return masked if masked != word else self._inside(word)

    def _option(self, word: str) -> str:
        if self._place is not None and (without := WITHOUT_FILE.get(self._program)) and without[0] in word:
            self._place = without[1]
        name, equals, value = word.partition("=")
        if (cut := self._flags.get(name)) is not None:
            if equals:
                return f"{name}={cut(value)}"
            self._expect(None if cut is attached else cut, is_value=True)
        elif word[1:2] != "-" and (cut := self._flags.get(word[:2])) is not None:
            return word[:2] + mask_text(cut(word[2:]))  # which sees no `Cookie:x` behind a letter
        elif self._program == "curl" and (found := CURL_ATTACHED.match(word)) is not None:
            return found[0] + mask_text(self._flags[f"-{found['flag']}"](word[found.end() :]))
        elif (cut := self._last_of_cluster(word)) is not None:
            self._expect(cut, is_value=True)
        elif not equals and is_secret_name(word) and word.lstrip("-").split("-", 1)[0] not in _ASKS:
            self._expect(partial(_named, word), is_value=False)
        self._operand(value)  # `--command=mysql -pX`
        return word

    def _last_of_cluster(self, word: str) -> Cut | None:
        """What the last of several short options in one word takes: `curl -sSu user:password`, `sh -ec command`."""
        if not word[1:].isalpha():
            return None
        if self._program in CLUSTERING:
            return self._flags.get("-" + word[-1])
        return self._command if self._program in SHELLS and word[-1] == "c" else None

    def _command(self, text: str) -> str:
        """What follows a shell's `-c`."""
        return self._commands(mask_bare_headers(text, (word.start() for word in _SHELL_WORD.finditer(text))))

    def _commands(self, text: str) -> str:
        return mask_command(text, self._depth + 1) if self._depth < DEPTH else text

    def _operand(self, word: str) -> None:
        name = word.rpartition("/")[2]
        if name in _KNOWN:
            self._runs(name)
        elif self._program == "sshpass" and word:
            self._runs("")  # what it runs has options of its own
        elif (place := PLACES.get(self._program, _NO_PLACES).get(word.lower())) is not None:
            self._place = place
        elif (flags := SUBCOMMANDS.get(self._program, _NO_COMMANDS).get(word)) is not None:
            self._flags = flags
        elif self._sets and (
            word.rpartition(".")[2] in VALUE_FOLLOWS or (NPM_SETTING in word and is_secret_name(word))
        ):
            self._expect(whole, is_value=True)
        self._sets = self._sets or word.lower() in SETTERS

    def _runs(self, program: str) -> None:
        self._program, self._flags = program, PROGRAMS.get(program, _NO_FLAGS)
        self._place = PLACES.get(program, _NO_PLACES).get(FIRST)
        self._logon = LOGONS.get(program)
        self._sets = False

    def _expect(self, cut: Cut | None, *, is_value: bool) -> None:
        """Mask the next word; unless it certainly is a value, only if it does not look like an option."""
        self._next, self._next_is_value = cut, is_value

    def _inside(self, word: str) -> str:
        """A word with blanks may be a command line itself, or hold one in quotes."""
        if self._depth >= DEPTH or not _BLANK.search(word):
            return word
        if _SHELL_WORD.fullmatch(word):
            return _QUOTED_PART.sub(self._inside_quotes, word)
        return self._commands(word)

    def _inside_quotes(self, part: re.Match[str]) -> str:
        quote, text = part[0][0], part[0][1:-1]
        return f"{quote}{self._commands(text)}{quote}"


def _named(name: str, value: str) -> str:
    """The value of an option with a secret's name."""
    return MASK if is_secret_value(name, value) else value


def _assignment(word: str) -> str | None:
    """`NAME=value` with the whole value masked, however often names are stacked (`-e DB_PASSWORD=x`); else None."""
    start = 0
    for _ in range(STACKED):
        end = word.find("=", start)
        if end < 0 or not _NAME.fullmatch(word, start, end):
            return None
        name, value = word[start:end], word[end + 1 :]
        if is_secret_name(name):
            return f"{word[: end + 1]}{MASK}" if is_secret_value(name, value) else word
        start = end + 1
    return None


def _unquoted(word: str) -> str:
    """The word without the quotes that stand around all of it."""
    return word[1:-1] if _QUOTED_PART.fullmatch(word) else word
