"""`fargate-sensor rules tune`: suppressions out of a recording, each with what it would have hidden.

A rule is proposed for an image where it found the same program again and again: that is what the image does. It is a
proposal and no more: the reason is left for a person to write, and it ends after a month.
"""

import datetime
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sensor.commands.rules_replay import Replay
from sensor.detect.acts import Acts
from sensor.detect.compact import Rule
from sensor.detect.detector import detection_event
from sensor.detect.engine import Engine
from sensor.detect.suppressions import Suppressions
from sensor.model.events import Event, Header

LEAST = 3
"""Detections of one rule in one image that are worth a suppression."""
DAYS = 30
SHOWN = 3
"""Different things that each proposal shows."""


class Group(NamedTuple):
    """What one rule found in one image: how often each thing."""

    rule: Rule
    image: str
    found: Counter[str]


def groups(engine: Engine, events: Iterable[tuple[Event, Header | None]]) -> list[Group]:
    """What the rules found and nothing suppresses, the most frequent first. What ran in no known image cannot be
    proposed."""
    made: dict[tuple[str, str], Group] = {}
    replay, acts, suppressions = Replay(engine), Acts(), Suppressions(engine.rules.suppressions)
    for event, header in events:
        found = replay.verdict(event, header).found
        image = event.container.image if event.container is not None else None
        if image is None:
            continue
        for rule in found:
            fresh = acts.fresh(event.kind, detection_event(rule, event))
            if fresh and suppressions.of(rule, event, header) is None:
                key = rule.id, every_version_of(image)
                made.setdefault(key, Group(rule, key[1], Counter())).found[thing(event)] += fresh
    return sorted(made.values(), key=lambda group: -group.found.total())


def proposals(found: Iterable[Group], today: datetime.date) -> Iterator[str]:
    """Lines of a file of suppressions, with comments; none where nothing came often enough."""
    until = today + datetime.timedelta(days=DAYS)
    for number, (rule, image, things) in enumerate(group for group in found if group.found.total() >= LEAST):
        if number == 0:
            yield "suppressions:"
        yield f"  # {things.total()} times {rule.level}: {_plain(rule.title)}"
        yield from (f"  #   {count} x {_plain(what)}" for what, count in things.most_common(SHOWN))
        if len(things) > SHOWN:
            yield f"  #   and {len(things) - SHOWN} other things"
        yield f"  - rule: {rule.id}"
        yield f'    image: "{_plain(image)}"'
        yield f"    until: {until}"
        yield '    reason: ""  # say why this is as it should be'


def every_version_of(image: str) -> str:
    """The pattern of an image with any tag, `registry:5000/shop:*` of `registry:5000/shop:1.4@sha256:…`; where it has
    none with any digest, and where it has neither as it is."""
    name, at, _ = image.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, _ = last.partition(":")
    return head + slash + last + (":*" if colon else "@*" if at else "")


def thing(event: Event) -> str:
    """What a detection is about, in one line."""
    process, file, network, dns = event.process, event.file, event.network, event.dns
    ran = "" if process is None else shlex.join(process.args) if process.args else process.exe or ""
    about = (
        file.path if file is not None else None,
        f"{network.dst}:{network.dst_port}" if network is not None else None,
        dns.question if dns is not None else None,
    )
    return " ".join(filter(None, (*about, ran)))[:120]


def _plain(text: str) -> str:
    """Without what would end a comment or a quoted text."""
    return "".join(c if c.isprintable() and c not in '"\\' else " " for c in text)
