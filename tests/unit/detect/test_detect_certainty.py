"""What rules say where something was not read: Kleene's logic, and which fields an event says are unread."""

from collections.abc import Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detect.certainty import certainty
from sensor.detect.compact import Condition, RuleSet
from sensor.detect.conditions import predicate
from sensor.detect.engine import Engine, Verdict
from sensor.detect.facts import Facts, Form
from sensor.model.absent import NOT_CONNECTED
from sensor.model.events import Ancestor, Dns, Event, File, Missing, Network, Process
from sensor.model.kinds import Kind
from tests.rules_from import exec_event, one_rule

Truth = bool | None
"""None is unknown."""

FIELDS = {"A": "process.exe", "B": "process.args", "C": "process.cwd"}


def leaf(name: str) -> Condition:
    return ["is", FIELDS[name], "equals", True, ["yes"]]


def event_with(truths: Mapping[str, Truth]) -> Event:
    """An exec of whose fields the tests above are true, false or unknown."""
    values = {True: "yes", False: "no", None: None}
    exe, args, cwd = (values[truths[name]] for name in FIELDS)
    event = exec_event("x", exe=exe, args=None if args is None else (args,), cwd=cwd)
    return unread(event, *(FIELDS[name] for name, truth in truths.items() if truth is None))


def unread(event: Event, *fields: str, reason: str = "gone") -> Event:
    return event._replace(evidence=event.evidence._replace(missing=tuple(Missing(field, reason) for field in fields)))


def kleene(condition: Condition, truths: Mapping[str, Truth]) -> Truth:
    """The logic as its tables have it."""
    operator, *rest = condition
    if operator == "not":
        truth = kleene(rest[0], truths)
        return None if truth is None else not truth
    if operator in ("and", "or"):
        parts = [kleene(part, truths) for part in rest]
        decisive = operator == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    return next(truths[name] for name, field in FIELDS.items() if field == rest[0])


def answer(condition: Condition, event: Event) -> Truth:
    """Ours: True where it holds, None where it does as if what is unread were absent, and not in any case."""
    forms: dict[str, Form] = {}
    test, certain = predicate(condition, forms), certainty(condition, forms)
    facts = Facts(event, forms)
    if not test(facts):
        return False
    return True if certain is None or certain(facts) else None


A, B, C = map(leaf, "ABC")
ANY = (True, False, None)


@pytest.mark.parametrize(
    "condition",
    [
        ["not", A],
        ["not", ["not", A]],
        ["and", A, ["not", B]],
        ["or", A, ["not", B]],
        ["not", ["and", A, B]],
        ["not", ["or", A, B]],
        ["and", A, ["not", ["and", B, ["not", C]]]],
        ["or", ["and", A, ["not", B]], C],
        ["and", ["or", ["not", A], B], ["not", C]],
    ],
    ids=str,
)
def test_a_rule_fires_where_its_condition_is_true_and_never_where_it_is_unknown(condition: Condition) -> None:
    for values in product(ANY, repeat=3):
        truths = dict(zip(FIELDS, values, strict=True))

        assert (answer(condition, event_with(truths)) is True) == (kleene(condition, truths) is True), truths


@pytest.mark.parametrize(
    ("condition", "truths", "expected"),
    [
        (["and", A, ["not", B]], (True, None, None), None),
        (["and", A, ["not", B]], (False, None, None), False),
        (["and", A, ["not", B]], (True, False, None), True),
        (["or", C, ["not", B]], (True, None, True), True),
        (["not", ["and", A, B]], (False, None, None), True),
        (["not", ["and", A, B]], (True, None, None), None),
    ],
    ids=str,
)
def test_what_would_have_been_found_is_undecided(
    condition: Condition, truths: Sequence[Truth], expected: Truth
) -> None:
    assert answer(condition, event_with(dict(zip(FIELDS, truths, strict=True)))) is expected


CONDITIONS = st.recursive(
    st.sampled_from([A, B, C]),
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda some: ["and", *some]),
        st.lists(parts, min_size=1, max_size=3).map(lambda some: ["or", *some]),
        parts.map(lambda one: ["not", one]),
    ),
    max_leaves=12,
)


@given(CONDITIONS, st.tuples(*[st.sampled_from(ANY)] * 3))
def test_any_condition_is_true_where_the_logic_says_so(condition: Condition, values: tuple[Truth, ...]) -> None:
    truths = dict(zip(FIELDS, values, strict=True))
    expected = kleene(condition, truths)

    ours = answer(condition, event_with(truths))

    assert ours is not True if expected is None else ours is expected


def verdict(detection: str, event: Event, parent: Process | None = None, **options: str) -> Verdict:
    rule = one_rule(f"sel: {{kind: [{event.kind}], evidence.source: test}}\n{detection}", **options)
    return Engine(RuleSet((rule,))).verdict(event, None, lambda _: parent)


def outcome(detection: str, event: Event, parent: Process | None = None, **options: str) -> Truth:
    found, undecided = verdict(f"filter: {detection}\ncondition: sel and not filter", event, parent, **options)
    assert not (found and undecided)
    return True if found else None if undecided else False


EXEC = exec_event("dpkg -l")
LITTLE = exec_event("dpkg", args=None, cwd=None, uid=None, user=None, exe=None)


@pytest.mark.parametrize(
    ("detection", "event", "expected"),
    [
        ("{CommandLine|contains: x}", unread(exec_event("a", args=None), "process.args"), None),
        ("{CommandLine|contains: x}", exec_event("a", args=None), True),
        ("{CommandLine|re: x}", unread(exec_event("a", args=None), "process.args"), None),
        ("{CommandLine: null}", unread(exec_event("a", args=None), "process.args"), False),
        ("{CommandLine: ''}", unread(exec_event("a", args=None), "process.args"), None),
        ("{CommandLine|fieldref: Image}", unread(exec_event("a", args=None), "process.args"), None),
        ("{Image|fieldref: CommandLine}", unread(exec_event("a", args=None), "process.args"), None),
        ("{Image|fieldref: CommandLine}", unread(EXEC, "process.cwd"), True),
        ("{a1: x}", unread(exec_event("a", args=None), "process.args"), None),
        ("{Image: /x}", unread(exec_event("a", exe=None), "process"), None),
        ("{a9: x}", unread(EXEC, "process.cwd"), True),
        ("{process.args: x}", unread(exec_event("a", args=None), "process.args"), None),
        ("{process.name: x}", unread(exec_event("a", args=None), "process.args"), None),
        ("{process.name: a}", unread(exec_event("a", args=None), "process.args"), False),
        ("{process.exe_name: x}", unread(exec_event("a", args=None), "process.args"), True),
        ("{process.pid|gt: 8}", unread(EXEC, "process.args"), True),
        ("{User: root}", unread(exec_event("a", uid=None), "process.uid"), None),
        ("{User: root}", exec_event("a", uid=77), True),
        ("{Hashes|contains: x}", unread(EXEC, "process.sha256", reason="not yet"), None),
        ("{ParentImage: /x}", exec_event("a", ancestors=(Ancestor("p", 1, None),)), None),
        ("{ParentImage: /x}", exec_event("a", ancestors=()), True),
        ("{ParentImage: /x}", unread(exec_event("a", ancestors=()), "process.ppid"), None),
        ("{GrandParentImage: /x}", exec_event("a", ancestors=(Ancestor("p", 1, None),)), True),
        ("{process.ancestors: /x}", exec_event("a", ancestors=(Ancestor("p", 2, "/y"), Ancestor("q", 1))), None),
        ("{process.ancestors: /y}", exec_event("a", ancestors=(Ancestor("p", 2, "/y"), Ancestor("q", 1))), False),
        ("{process.ancestors: /x}", exec_event("a", ancestors=(Ancestor("p", 2, "/y"),)), True),
        ("{task.family: x}", unread(LITTLE, "process"), True),
        ("['word']", unread(exec_event("a", cwd=None), "process.cwd"), None),
    ],
)
def test_what_an_exec_does_not_tell_and_what_it_cannot_have(detection: str, event: Event, expected: Truth) -> None:
    assert outcome(detection, event) is expected


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (None, None),
        (Process("above", 1, uid=0), None),
        (Process("above", 1, uid=0, args=("npm", "start")), False),
        (Process("above", 1, uid=0, args=("node",)), True),
    ],
)
def test_the_parents_arguments_may_be_unread_too(parent: Process | None, expected: Truth) -> None:
    assert outcome("{ParentCommandLine|contains: npm}", EXEC, parent) is expected


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (None, None),
        (Process("above", 1, args=("npm",)), None),
        (Process("above", 1, uid=77, args=("npm",)), True),
        (Process("above", 1, uid=0, user="root", args=("npm",)), False),
    ],
)
def test_the_parents_user_may_be_unread_too(parent: Process | None, expected: Truth) -> None:
    assert outcome("{ParentUser: root}", EXEC, parent) is expected


def test_of_a_parent_that_cannot_be_there_nothing_is_missing() -> None:
    assert outcome("{ParentUser: root}", exec_event("a", ancestors=()), None) is True


def test_a_process_of_which_nothing_is_known_leaves_its_parents_facts_unread() -> None:
    nobody = connection()
    assert outcome("{ParentUser: root}", nobody, category="network_connection") is True
    assert outcome("{ParentUser: root}", unread(nobody, "process"), category="network_connection") is None


def connection(process: Process | None = None, **fields: object) -> Event:
    network = Network(direction="outbound", src="10.0.0.2", src_port=4001, dst="203.0.113.9", dst_port=443)
    network = network._replace(**fields)  # type: ignore[arg-type]  # the fields of a connection
    return EXEC._replace(kind=Kind.NETWORK_FLOW, process=process, network=network)


@pytest.mark.parametrize(
    ("detection", "event", "expected"),
    [
        ("{Image: /x}", unread(connection(), "process"), None),
        ("{Image: /x}", connection(), True),
        ("{DestinationIp|cidr: 10.0.0.0/8}", unread(connection(dst=None), "network.dst"), None),
        ("{DestinationIp|cidr: 10.0.0.0/8}", unread(connection(src=None), "network.src"), True),
        ("{DestinationPort: 22}", unread(connection(dst_port=None), "network.dst_port", reason=NOT_CONNECTED), True),
        ("{network.bytes_in|gt: 9}", unread(connection(), "network.bytes_in", reason="unsupported"), None),
    ],
)
def test_what_a_connection_does_not_tell(detection: str, event: Event, expected: Truth) -> None:
    assert outcome(detection, event, category="network_connection") is expected


def test_what_a_file_event_does_not_tell() -> None:
    event = EXEC._replace(kind=Kind.FILE_CREATE, process=None, file=File("/etc/cron.d/x"))

    assert outcome("{Image: /usr/bin/dpkg}", unread(event, "process"), category="file_event") is None
    assert outcome("{file.setuid: 'true'}", unread(event, "file.mode"), category="file_event") is None
    assert outcome("{file.name: y}", unread(event, "process"), category="file_event") is True


def test_an_answer_that_was_not_seen_may_have_been_any() -> None:
    event = EXEC._replace(kind=Kind.DNS_QUERY, dns=Dns("a.example", "A"))

    assert outcome("{QueryResults|contains: '10.'}", unread(event, "dns.rcode"), category="dns") is None
    assert outcome("{QueryName: b.example}", unread(event, "dns.rcode"), category="dns") is True


def test_a_rule_that_negates_nothing_is_not_asked_again() -> None:
    rule = one_rule("sel: {Image|endswith: /a, CommandLine|contains: x}\ncondition: sel")
    (variant,) = rule.variants

    assert certainty(variant.condition, {}) is None


def test_an_event_that_is_told_again_with_its_arguments_is_decided_then() -> None:
    rule = one_rule("sel: {Image|endswith: /a}\nfilter: {CommandLine|contains: x}\ncondition: sel and not filter")
    engine = Engine(RuleSet((rule,)))

    first = engine.verdict(unread(exec_event("a", args=None), "process.args"))
    then = engine.verdict(exec_event("a b"))

    assert (len(first.found), len(first.undecided)) == (0, 1)
    assert (len(then.found), len(then.undecided)) == (1, 0)
