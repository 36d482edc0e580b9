"""What of an event was not seen: a test of a field whose value nobody saw has no answer (docs/adr/0106).

The event says so itself, in `evidence.missing`. An executable above it that is not known stands in `ancestors`, and
what is known of the process right above is asked for.
"""

from collections.abc import Callable, Iterator, MutableMapping

from sensor.detect import forms as form
from sensor.detect.facts import Facts, Form
from sensor.detect.fields import AUDIT_ARGS, CANONICAL, FIELDS, TEXTS
from sensor.detect.getters import PARTS, PLACES
from sensor.model.absent import BY_NATURE
from sensor.model.events import Event

Unread = Callable[[Facts], bool]

UNSEEN = "?"
"""The key of the names of all that was not seen, among the forms of fields."""

_OF_ANCESTORS = "process.ancestors"
_PARENT = "process.ppid"
"""Without it the whole chain above is unknown; it is in what is made of the parent, and so is the part `process`."""

_ARGS, _EXE = ("process.args",), ("process.exe",)
_DERIVED = {
    "CommandLine": _ARGS,
    **{f"a{index}": _ARGS for index in range(AUDIT_ARGS)},
    "process.name": _EXE + _ARGS,
    "OriginalFileName": _EXE,
    "comm": _EXE,
    "name": (*_EXE, "file.path"),
    "User": ("process.user", "process.uid"),
    "Hashes": ("process.sha256",),
    "ParentImage": (f"{_OF_ANCESTORS}.0", _PARENT),
    "process.parent_name": (f"{_OF_ANCESTORS}.0", _PARENT),
    "GrandParentImage": (f"{_OF_ANCESTORS}.1", _PARENT),
    "process.ancestors": (_OF_ANCESTORS, _PARENT),
    "ParentCommandLine": ("parent.args", _PARENT),
    "ParentUser": ("parent.uid", _PARENT),
    "Initiated": ("network.direction",),
    "SourceIp": ("network.src", "network.dst"),
    "SourcePort": ("network.src_port", "network.dst_port"),
    "DestinationIp": ("network.src", "network.dst"),
    "DestinationPort": ("network.src_port", "network.dst_port"),
    "network.scope": ("network.scope", "network.dst"),
    "QueryResults": ("dns.answers", "dns.rcode"),
    "dns.answers": ("dns.answers", "dns.rcode"),
    "file.name": ("file.path",),
    "file.setuid": ("file.mode",),
    "file.setgid": ("file.mode",),
    "file.executable": ("file.mode",),
}
"""By canonical field: what it is made of, where that is not the one field of a part that it names."""

_PARTIAL = frozenset({"process.name", "process.ancestors", "QueryResults", form.KEYWORDS})
"""Fields that may have a value, and not all of it."""


def unread_test(forms: MutableMapping[str, Form], field: str) -> Unread | None:
    """Whether the field's value, or a part of it, was not seen; None for one that always is.

    `forms` learns what it asks for. Raises KeyError for no field of ours.
    """
    sources = sources_of(field)
    if not sources:
        return None
    forms[UNSEEN] = unseen
    value = form.key(forms, field, form.VALUE)
    if CANONICAL[field] in _PARTIAL or FIELDS[field].several:
        return lambda facts: not sources.isdisjoint(facts[UNSEEN])
    return lambda facts: facts[value] is None and not sources.isdisjoint(facts[UNSEEN])


def sources_of(field: str) -> frozenset[str]:
    """The names, as `unseen` has them, of which any leaves the field unread."""
    name = CANONICAL[field]
    if name == form.KEYWORDS:
        return frozenset().union(*(sources_of(one) for part in TEXTS.values() for one in part))
    named = _DERIVED.get(name) or _place(name)
    return frozenset(named).union(one.partition(".")[0] for one in named)


def unseen(facts: Facts) -> frozenset[str]:
    """The names of what nobody saw: fields, whole parts, `process.ancestors.N` and `parent.…`."""
    event = facts.event
    named = (missing.field for missing in event.evidence.missing if missing.reason not in BY_NATURE)
    return frozenset((*named, *_unseen_above(event), *_unseen_of_parent(facts)))


def _place(name: str) -> tuple[str, ...]:
    """The field of a part that a field is; of the task, or of the event itself, nothing is ever unread."""
    if (get := FIELDS[name].get) not in PLACES:
        return ()
    of_event, of_part = PLACES[get]
    part = Event._fields[of_event]
    return (f"{part}.{PARTS[part]._fields[of_part]}",)


def _unseen_above(event: Event) -> Iterator[str]:
    if event.process is None:
        return
    for number, above in enumerate(event.process.ancestors):
        if above.exe is None:
            yield _OF_ANCESTORS
            yield f"{_OF_ANCESTORS}.{number}"


def _unseen_of_parent(facts: Facts) -> Iterator[str]:
    """Of one that is there; where nobody can be asked, as in a case of a rule, nothing is known to be missing."""
    process = facts.event.process
    if process is None or not process.ancestors or facts.parent_of is None:
        return
    parent = facts.parent()
    if parent is None or parent.args is None:
        yield "parent.args"
    if parent is None or parent.uid is None:
        yield "parent.uid"
