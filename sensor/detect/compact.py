"""The compact form of rules: what `sensor.sigma` makes of Sigma files, and all that the sensor reads at run time.

One msgpack map with `format` (1) and three lists, whose items are the fields of the tuples below in their order:
`rules` (`Rule`), `suppressions` (`Suppression`) and `problems` (`Problem`: what was left out of the files, and why).

A rule has one or more *variants*: the kinds of event it may match, and the condition for them, from which whatever
those kinds cannot have was taken out. A condition is a list, its operator first:

    ["and", C…]  ["or", C…]  ["not", C]
    ["is", field, how, cased, [text…]]        how: equals, contains, startswith, endswith; any of the texts will do
    ["like", field, cased, [part…]]           the parts of a pattern between its `*`, in order; `""` where it is open
    ["re", field, pattern, flags]             found anywhere in it, in the syntax of RE2; flags of `ims`
    ["cidr", field, [network…]]  ["compare", field, operator, number]     operator: lt, lte, gt, gte
    ["field", field, how, other]              compared with another field, whatever the case
    ["exists", field]  ["empty", field]       `empty` is the text of no characters

Texts that are not `cased` are in lower case already. The field `*` is every text of the event (Sigma's keywords). A
field that an event does not have matches nothing, and so under `not` it matches; one that it has and that was not read
(`evidence.missing`) does neither (`sensor.detect.certainty`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024
"""What is read at most: a file of that size is no rule set."""

DEEPEST = 100
"""Conditions within conditions, as deep as they are read."""

Condition = list[Any]


class MalformedRules(ValueError):
    """Bytes that are no compact form of this version; says what and where."""


class Variant(NamedTuple):
    """The kinds of event (their public names), and what must hold for them."""

    kinds: tuple[str, ...]
    condition: Condition


class Rule(NamedTuple):
    """One rule. `response` is page, ticket or hunt where its author said so; `source` the file and line it stands in.

    `not_here` says why no event can ever match it (then there are no variants); `without` names the fields that no
    event here has, in whose absence the rest still works.
    """

    id: str
    title: str
    level: str
    source: str
    author: str | None = None
    tags: tuple[str, ...] = ()
    response: str | None = None
    variants: tuple[Variant, ...] = ()
    not_here: str | None = None
    without: tuple[str, ...] = ()


class Suppression(NamedTuple):
    """Detections that are not told until `until`, in seconds since 1970: of one rule or of all (`*`), and only where
    the container's image and the task's family match the patterns, in which `*` stands for anything."""

    rule: str
    until: int
    reason: str
    source: str
    image: str = "*"
    family: str = "*"


class Problem(NamedTuple):
    """Something in the files that could not be taken: where (`file:line`), and what is wrong with it."""

    source: str
    text: str


class RuleSet(NamedTuple):
    """All that one run of the compiler made."""

    rules: tuple[Rule, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    problems: tuple[Problem, ...] = ()

    def joined(self, other: "RuleSet") -> "RuleSet":
        """Both; where an id comes twice the other's rule replaces ours."""
        theirs = {rule.id for rule in other.rules}
        kept = tuple(rule for rule in self.rules if rule.id not in theirs)
        return RuleSet(kept + other.rules, self.suppressions + other.suppressions, self.problems + other.problems)


def pack(rules: RuleSet) -> bytes:
    """The bytes of a rule set."""
    body: Mapping[str, Any] = {"format": FORMAT, **rules._asdict()}
    packed: bytes = msgpack.packb(body, unicode_errors="surrogatepass")
    return packed


def unpack(data: bytes) -> RuleSet:
    """The rule set of these bytes. Raises `MalformedRules`."""
    if len(data) > MOST_BYTES:
        raise MalformedRules(f"rules: more than {MOST_BYTES >> 20} MiB")
    try:
        body = msgpack.unpackb(data, unicode_errors="surrogatepass")
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise MalformedRules(f"rules: no compact form {FORMAT}")
        return RuleSet(
            tuple(_rule(item) for item in body["rules"]),
            tuple(Suppression(*item) for item in body["suppressions"]),
            tuple(Problem(*item) for item in body["problems"]),
        )
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        if isinstance(error, MalformedRules):
            raise
        raise MalformedRules(f"rules: {type(error).__name__}: {error}"[:200]) from error


def _rule(item: list[Any]) -> Rule:
    rule = Rule(*item)
    return rule._replace(
        tags=tuple(rule.tags),
        without=tuple(rule.without),
        variants=tuple(Variant(tuple(kinds), condition) for kinds, condition in rule.variants),
    )
