"""Secrets that a name or a place in the text tells of, wherever in an argument they stand.

Every pattern runs in linear time: what repeats is either bounded, possessive (`++`), or cannot begin again within what
it has just passed over. Each is tried only where one of its hints stands in the text.
"""

import re
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import NamedTuple

from sensor.enrich.secret_shapes import MASK, mask_shapes
from sensor.model.secret_names import PASSWORD_IN_URL, WORDS, is_reference, is_secret_value


class Rule(NamedTuple):
    """A pattern, what becomes of its matches, and the lower-case texts of which it needs one."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Callable[[re.Match[str]], str]


def mask_text(text: str) -> str:
    """The text with its secrets replaced by `***`; names, schemes and the text around them stay."""
    low = text.lower()
    for rule in RULES:
        if any(hint in low for hint in rule.hints):
            text = rule.pattern.sub(rule.replace, text)
    return mask_shapes(text)


def mask_bare_headers(command: str, words: Iterable[int]) -> str:
    """A shell's command with the headers masked that stand without quotes; `words` are the places where words begin.

    The commands behind a header stay, which `mask_text` would take for the rest of its value. To that are left
    here-documents, whose lines are no words, and all behind the first quote: one in a comment pairs with none.
    """
    low = command.lower()
    if "<<" in low or not any(hint in low for hint in _HEADER_HINTS):
        return command
    quote = found.start() if (found := _QUOTE.search(command)) is not None else len(command)
    pieces, done = [], 0
    for word in takewhile(quote.__gt__, words):
        if word >= done and (found := _BARE_HEADER.match(command, word)) is not None:
            pieces += [command[done:word], _all_but_start(found)]
            done = found.end()
    return "".join([*pieces, command[done:]])


def _assigned(found: re.Match[str]) -> str:
    """`name=value`: the quotes around the value stay."""
    value = found["value"]
    quote = next((q for q in ('\\"', '"', "'") if value.startswith(q)), "")
    inner = value.removeprefix(quote).removesuffix(quote) if quote else value
    if not is_secret_value(found["name"], inner):
        return found[0]
    closing = quote if len(value) > len(quote) and value.endswith(quote) else ""
    return f"{found['name']}{found['separator']}{quote}{MASK}{closing}"


def _all_but_start(found: re.Match[str]) -> str:
    return f"{found['start']}{MASK}"


def _all_but_ends(found: re.Match[str]) -> str:
    if is_reference(found["secret"]):
        return found[0]
    return f"{found['start']}{MASK}{found['end']}"


_HEADER_HINTS = ("authorization", "cookie", "x-")
_HEADER_NAME = (
    r"""(?:(?:proxy-)?authorization\\?["']?[ \t]{0,4}[:=]"""
    r"""|(?:set-)?cookie[ \t]{0,4}:|x-[a-z-]{0,40}(?:auth|key|token|secret)[ \t]{0,4}:)[ \t]{0,4}"""
)
_SCHEME = r"(?:(?:basic|bearer|token|digest|negotiate|apikey)[ \t]{1,4})?+"
_HEADER = re.compile(
    rf"""(?P<start>\b{_HEADER_NAME}(?:\\?["'])?{_SCHEME})(?!\*{{3}}|\$)[^\s'"\\][^'"\\\r\n]*+""", re.IGNORECASE
)
_BARE_HEADER = re.compile(
    rf"""(?P<start>{_HEADER_NAME}{_SCHEME})(?!\*{{3}}|\$)[^\s'"\\;&|<>()`]"""
    r"""(?:[^'"\\;&|<>()`\r\n]|\\.)*+(?:;[ \t]*[\w.-]+=[^\s'"\\;&|<>()`]*+)*+""",
    re.IGNORECASE,
)
"""One that a shell reads without quotes: `;`, `|` and the like end it, as far as no further cookie follows."""
_QUOTE = re.compile("['\"]")
_SIGNATURE_IN_URL = re.compile(r"""(?P<start>[?&](?:x-amz-|x-goog-)?sig(?:nature)?=)[^&\s'"]+""", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    rf"(?P<name>{WORDS})"
    r"""(?P<separator>(?:\\?["'])?\]?(?:=(?![=>])|[ \t]{1,4}=[ \t]{1,4}|%3d|[ \t]{0,4}:[ \t]{1,4}"""
    r"""|[ \t]{0,4}(?:=>|:=?)[ \t]{0,4}(?=\\?["']))"""
    r"""|\\?["'][ \t]{0,4}:[ \t]{0,4})"""
    r"""(?!\\?["']?(?:\$\(|`))"""  # a command's output: what it is given is looked at by itself
    r"""(?P<value>\\"(?:(?!\\").)*+(?:\\")?|"(?:[^"\\]|\\.)*+"?|'[^']*+'?|(?:[^\s'"\\&;|<>]|\\[^\s'"])++)""",
    re.IGNORECASE | re.DOTALL,
)
_SQL = re.compile(
    r"(?P<start>\b(?:(?:identified\s{1,8}(?:with\s{1,8}\S{1,64}\s{1,8})?by|password)\s{1,8}"
    r"|password\s{0,8}\(\s{0,8}|set\s{1,8}password\s{1,8}for\s{1,8}\S{1,128}\s{0,8}=\s{0,8})['\"])"
    r"(?P<secret>[^'\"]++)(?P<end>['\"])",
    re.IGNORECASE,
)
_ORACLE = re.compile(
    r"(?P<start>jdbc:oracle:[a-z]{1,8}:[^\s/@'\"]{1,128}/)(?P<secret>[^\s/@'\"]{1,128}+)(?P<end>@)", re.IGNORECASE
)
_GIVEN = re.compile(
    r"""(?P<start>\becho[ \t]{1,4}(?:-[neE]{1,3}[ \t]{1,4})?['"]?)(?P<secret>[^\s'"|;&]{1,256}+)"""
    r"""(?P<end>['"]?[ \t]{0,4}\|[ \t]{0,4}(?:sudo[ \t]{1,4}-S\b"""
    r"""|[\w./-]{1,64}[ \t][^|;&\n]{0,160}--password-stdin\b))"""
)
"""A password that a shell's command gives to another on its standard input."""
_CHPASSWD = re.compile(
    r"""(?P<start>(?<![\w.-])[\w.-]{1,64}:)(?P<secret>[^\s'"|:;&]{1,256}+)"""
    r"""(?P<end>['"]?[ \t]{0,4}\|[ \t]{0,4}(?:sudo[ \t]{1,4})?(?:/[\w/]{1,32}/)?chpasswd\b)"""
)
_BEARER = re.compile(r"(?P<start>\bbearer[ \t]{1,4})[\w.~+/=-]{20,}", re.IGNORECASE)

RULES = (
    Rule(_HEADER_HINTS, _HEADER, _all_but_start),
    Rule(("://",), PASSWORD_IN_URL, _all_but_ends),
    Rule(("sig=", "signature="), _SIGNATURE_IN_URL, _all_but_start),
    Rule(("password", "identified"), _SQL, _all_but_ends),
    Rule(("jdbc:oracle:",), _ORACLE, _all_but_ends),
    Rule(("pass", "pwd", "secret", "token", "bearer", "key", "auth", "creds"), _ASSIGNMENT, _assigned),
    Rule(("bearer",), _BEARER, _all_but_start),
    Rule(("-stdin", "sudo -s"), _GIVEN, _all_but_ends),
    Rule(("chpasswd",), _CHPASSWD, _all_but_ends),
)
