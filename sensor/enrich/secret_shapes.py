"""Secrets that have a shape of their own: private keys, JWTs, the tokens of well-known services, AWS secret keys."""

import re

MASK = "***"

_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
    r".*?(-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(gh[pousr]_)[A-Za-z0-9]{20,}|(github_pat_)\w{20,}|(glpat-)[\w-]{16,}"
    r"|(xox[a-z]-|xapp-)[\w-]{10,}|(hooks\.slack\.com/services/)[\w/-]{20,}"
    r"|([sr]k_(?:live|test)_)\w{16,}|(sk-(?:ant|proj)-)[\w-]{16,}|(SG\.)[\w-]{16,}\.[\w-]{16,}"
    r"|(npm_)[A-Za-z0-9]{36,}|(pypi-Ag)[\w-]{16,}|(AIza)[\w-]{30,}|(hv[sb]\.)[\w-]{20,}|(dop_v1_)[0-9a-f]{32,}"
    r")"
)
_JWT = re.compile(r"(?<![\w-])(eyJ)[\w-]{8,}+\.[\w-]{2,}+(?:\.[\w-]*+)?")
_AWS_ID = re.compile(r"(?<![A-Z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Z0-9])")
_AWS_KEY = re.compile(r"(?<![A-Za-z0-9/+])(?![0-9a-f]{40})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")


def mask_shapes(text: str) -> str:
    """The text with such secrets masked; the prefix of a token stays and tells its kind."""
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(_between, text)
    if "eyJ" in text:
        text = _JWT.sub(_prefix, text)
    return _TOKEN.sub(_prefix, text)


def mask_keys_beside_ids(args: tuple[str, ...]) -> tuple[str, ...]:
    """AWS secret keys look like nothing but 40 characters: they are masked where a key id stands in the arguments."""
    if not any(_AWS_ID.search(arg) for arg in args):
        return args
    return tuple(_AWS_KEY.sub(MASK, arg) for arg in args)


def _prefix(found: re.Match[str]) -> str:
    return f"{next(group for group in found.groups() if group)}{MASK}"


def _between(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}{found[2]}"
