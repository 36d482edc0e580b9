"""Writes rules.md from the files in rules/, and from the fields that rules may ask for."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sensor.detect import fields
from sensor.sigma.documents import Document, documents, rule_files
from sensor.sigma.logsources import CATEGORIES

RULES = Path(__file__).parents[1] / "rules"
TECHNIQUE = "attack.t"
LEVELS = ("critical", "high", "medium", "low", "informational")
HEAD = """\
# Rules

Written from `rules/`, `sensor/detect/fields.py` and `sensor/sigma/logsources.py` by `make docs`; `make check` keeps it
current.

Rules are [Sigma](https://sigmahq.io)'s. Those below come with the sensor; `SENSOR_RULES` names directories with more,
which are read again within seconds when their files change. A rule of yours with the id of one that ships replaces it.
`fargate-sensor rules check PATH` says what is wrong with rules, `rules list` what each needs, and `rules test PATH`
runs the cases beside them (`NAME.cases.yml`: what must fire the rule, and what must not).

Two hundred rules take about 11 µs for an exec and 2.5 MB of memory; each more takes 10 kB and hardly any time.

A rule that asks for something no event here has is listed as *not evaluable here*, with the reason. Regular
expressions are RE2's: without look-around and backreferences, and always done in linear time
([ADR 0050](adr/0050-regular-expressions-are-re2s.md)). Correlation rules are
read and not evaluated; what they are made of is not told by itself unless they say `generate: true`. Filters reach your
own rules only; for those that ship there are suppressions, or a rule of yours with the same id.

A detection is an event of its own in the urgent lane: rule, level, author and tags, with all that the event has which
was matched, and its ancestors. The same again is folded into one with a `count`. A rule that finds a connection as it
begins does not tell it again when it ends, nor a new file when it is written to.

## Suppressions

Nothing is suppressed for ever: a file in a directory of `SENSOR_RULES` says what, until when and why.

```yaml
suppressions:
  - rule: 6b0ad1b3-0000-4000-8000-000000000000   # its id, or "*"
    image: "*/batch:*"                           # optional, as is family; * stands for anything
    until: 2027-03-31                            # the last day, UTC
    reason: the nightly job installs its packages
```

What was suppressed is counted in every heartbeat (`suppressed`).
"""


def render() -> str:
    """The whole of rules.md."""
    found = sorted(_rules(), key=lambda rule: (LEVELS.index(rule["level"]), rule["title"]))
    return HEAD + _overview(found) + "".join(map(_section, found)) + _sources() + _fields()


def _rules() -> Iterable[dict[str, Any]]:
    for path in rule_files([RULES]):
        if isinstance(path, Path):
            yield from (d.content for d in documents(path) if isinstance(d, Document))


def _overview(found: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"| [{r['title']}](#{_anchor(r['title'])}) | {r['level']} | {r['response']} | {_techniques(r)} |\n"
        for r in found
    )
    head = f"\n## The {len(found)} rules that ship\n\n| Rule | Level | Do | MITRE ATT&CK |\n| --- | --- | --- | --- |\n"
    return head + rows


def _section(rule: dict[str, Any]) -> str:
    wrong = "; ".join(rule["falsepositives"])
    return (
        f"\n### {rule['title']}\n\n`{rule['id']}` · {rule['level']} · {rule['response']}\n\n{rule['description']}\n\n"
        f"*What to do.* {rule['what_to_do']}\n\n*False positives.* {wrong[:1].upper()}{wrong[1:]}.\n"
    )


def _techniques(rule: dict[str, Any]) -> str:
    return ", ".join(t.removeprefix("attack.").upper() for t in rule["tags"] if t.startswith(TECHNIQUE))


def _anchor(title: str) -> str:
    """As GitHub makes it."""
    return "".join(c if c.isalnum() or c in "-_" else "-" if c == " " else "" for c in title.lower())


def _sources() -> str:
    rows = "".join(f"| `{name}` | {', '.join(sorted(map(str, kinds)))} |\n" for name, kinds in CATEGORIES.items())
    text = (
        "\n## Log sources\n\n`service: auditd` and rules for `product: linux` alone are matched with execs and file "
        "events too, the latter also with connections and DNS. `category` may be a kind of ours.\n\n"
    )
    return f"{text}| Category | Events |\n| --- | --- |\n{rows}"


def _fields() -> str:
    names = [name for name in fields.FIELDS if name != "*" and not (name[0] == "a" and name[1:].isdigit())]
    listed = ", ".join(f"`{name}`" for name in names)
    return f"\n## Fields\n\n{inspect.getdoc(fields)}\n\nAll of them: {listed}, `a0` to `a{fields.AUDIT_ARGS - 1}`.\n"
