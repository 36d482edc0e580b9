"""Loading rule sets, and the index that keeps events from rules that cannot match."""

from collections.abc import Sequence

import msgpack
import pytest
from hypothesis import given, settings

from sensor.detect import literals
from sensor.detect.compact import MalformedRules, Problem, Rule, RuleSet, Suppression, Variant, pack, unpack
from sensor.detect.engine import Engine
from sensor.detect.facts import Facts
from sensor.detect.literals import FEW, SHORT, finder
from sensor.model.events import Event, Header, Task
from sensor.model.kinds import Kind
from tests.event_strategies import of
from tests.fakes_pipeline import HEADER
from tests.rules_from import ID, compiled, exec_event, rule_text


def numbered(count: int, detection: str) -> RuleSet:
    """Rules that differ in one number."""
    made = compiled(rule_text(detection.replace("NUMBER", "4711"))).rules[0]

    def with_number(condition: list[object], number: int) -> list[object]:
        return msgpack.unpackb(msgpack.packb(condition).replace(b"4711", b"%04d" % number))  # type: ignore[no-any-return]  # a list

    return RuleSet(
        tuple(
            made._replace(
                id=str(n), variants=tuple(Variant(v.kinds, with_number(v.condition, n)) for v in made.variants)
            )
            for n in range(count)
        )
    )


def asked(engine: Engine, event: Event) -> int:
    """How many rules the index lets the event meet."""
    index = engine._by_kind[event.kind]
    return len(list(index.candidates(Facts(event, engine.forms))))


def test_the_compact_form_comes_back_as_it_was() -> None:
    rules = compiled(rule_text("sel: {Image|endswith: [/a, /b]}\ncondition: sel"))
    rules = rules._replace(suppressions=(Suppression("*", 7, "because", "1.yml:1"),))

    assert unpack(pack(rules)) == rules


def test_joined_rules_keep_the_suppressions_and_problems_of_both() -> None:
    ours, theirs = (
        RuleSet((), (Suppression("*", 7, text, "1.yml:1"),), (Problem("1.yml:1", text),)) for text in ("ours", "theirs")
    )
    both = ours.joined(theirs)

    assert [one.reason for one in both.suppressions] == ["ours", "theirs"]
    assert [one.text for one in both.problems] == ["ours", "theirs"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb([]),
        msgpack.packb({"format": 2, "rules": [], "suppressions": [], "problems": []}),
        msgpack.packb({"format": 1}),
        msgpack.packb({"format": 1, "rules": [[]], "suppressions": [], "problems": []}),
        msgpack.packb({"format": 1, "rules": 7, "suppressions": [], "problems": []}),
        pack(RuleSet()) + b"x",
    ],
)
def test_bytes_of_another_form_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedRules):
        unpack(data)


def test_a_rule_that_cannot_be_loaded_costs_no_other() -> None:
    sound = compiled(rule_text("sel: {Image|endswith: /a}\ncondition: sel")).rules[0]
    broken = Rule("x", "broken", "low", "2.yml:1", variants=(Variant(("process.exec",), ["exists", "Imago"]),))
    kindless = Rule("y", "kindless", "low", "3.yml:1", variants=(Variant(("nothing",), ["exists", "Image"]),))

    engine = Engine(RuleSet((broken, kindless, sound)))

    assert [rule.title for rule in engine.matches(exec_event("a"))] == ["a rule"]
    assert engine.problems == [
        Problem("2.yml:1", "broken: a condition: KeyError: 'Imago'"),
        Problem("3.yml:1", "kindless: 'nothing' is not a valid Kind"),
    ]
    assert engine.loaded == 1


def test_a_rule_with_one_broken_variant_is_not_loaded_at_all() -> None:
    sound, broken = Variant(("process.exec",), ["exists", "Image"]), Variant(("process.exec",), ["is", "Image"])
    engine = Engine(
        RuleSet((Rule("x", "half", "low", "1.yml:1", variants=(sound, broken)), Rule("y", "none", "low", "2.yml:1")))
    )

    assert engine.matches(exec_event("a")) == []
    assert (len(engine.problems), engine.loaded) == (1, 0)


def test_a_rule_of_several_kinds_and_variants_is_asked_by_each_kind() -> None:
    image, user = ["exists", "Image"], ["exists", "User"]
    variants = (Variant(("process.exec", "process.exit"), image), Variant(("process.exit",), user))
    engine = Engine(RuleSet((Rule("x", "several", "low", "1.yml:1", variants=variants),)))
    event = exec_event("a")

    assert engine.loaded == 1
    assert asked(engine, event) == 1
    assert asked(engine, event._replace(kind=Kind.PROCESS_EXIT)) == 2
    assert engine.matches(event._replace(kind=Kind.FILE_OPEN)) == []


def test_what_is_kept_of_the_rules_has_no_conditions() -> None:
    rules = compiled(rule_text("sel: {Image|endswith: /a}\ncondition: sel"))
    engine = Engine(rules)

    assert engine.rules == rules._replace(rules=(rules.rules[0]._replace(variants=()),))
    assert engine.matches(exec_event("a")) == list(engine.rules.rules)


def test_a_rule_may_ask_for_the_task() -> None:
    engine = Engine(compiled(rule_text("sel: {task.family: shop}\ncondition: sel")))
    header = HEADER._replace(task=Task("docker", family="shop"))

    assert len(engine.matches(exec_event("a"), lambda: header)) == 1
    assert engine.matches(exec_event("a")) == []


def test_an_exact_text_among_several_values_leads_to_its_rules() -> None:
    texts = ["sel: {process.args: b}\ncondition: sel", "sel: {process.args: [b, c]}\ncondition: sel"]
    engine = Engine(compiled(*(rule_text(text, ident=ID[:-1] + str(n)) for n, text in enumerate(texts))))

    assert [asked(engine, exec_event(line)) for line in ("a b c b", "a c", "a d")] == [2, 1, 0]
    assert engine.loaded == 2


@pytest.mark.parametrize(
    ("detection", "line"),
    [
        ("sel: {Image|endswith: /toolNUMBER}\ncondition: sel", "tool0123"),
        ("sel: {CommandLine|contains: optionNUMBER}\ncondition: sel", "x --option0123=y"),
        ("sel: {process.name: [aNUMBER, bNUMBER], CommandLine|contains: x}\ncondition: sel", "b0123 x"),
        ("sel: {CommandLine: 'a*middleNUMBER*b'}\nother: {User: x}\ncondition: sel and not other", "a middle0123 b"),
        ("sel: {a1: NUMBER}\ncondition: sel", "x 0123"),
    ],
)
def test_an_event_meets_one_rule_of_thousands(detection: str, line: str) -> None:
    engine = Engine(numbered(2_000, detection))

    assert asked(engine, exec_event(line)) == 1
    assert [rule.id for rule in engine.matches(exec_event(line))] == ["123"]
    assert asked(engine, exec_event("nothing of it")) == 0


def test_many_texts_are_found_as_one_by_one() -> None:
    texts = [f"text {number}" for number in range(300)] + ["ä", "x" * 5000, "a.b*", ""]
    find = finder(texts)

    for text in ("text 17 and text 2", "ÄÄä", "x" * 6000, "a.b* a b", "", "\ud800 text 5"):
        assert sorted(find(text)) == [n for n, part in enumerate(texts) if part in text]


def test_few_texts_need_no_set() -> None:
    find = finder(["b", "a"])

    assert list(find("abc")) == [0, 1]
    assert FEW >= 2


@settings(max_examples=200, deadline=None)
@given(of(Event))
def test_no_event_breaks_the_engine(event: Event) -> None:
    ENGINE.matches(event)


ENGINE = Engine(
    compiled(
        rule_text("sel: {Image|endswith: /a, process.args: b, process.ancestors|contains: c}\ncondition: not sel"),
        rule_text("words: [a, b]\ncondition: words", ident="11111111-2222-4333-8444-555555555556"),
        rule_text(
            "sel: {file.setuid: false, TargetFilename|re: x, SourceFilename|fieldref: name}\ncondition: 1 of them",
            category="file_event",
            ident="11111111-2222-4333-8444-555555555557",
        ),
        rule_text(
            "sel: {DestinationIp|cidr: 10.0.0.0/8}\nother: {network.rtt_us|lt: 5}\ncondition: not sel or other",
            category="network_connection",
            ident="11111111-2222-4333-8444-555555555558",
        ),
    )
)


def test_that_engine_has_all_its_rules() -> None:
    assert (ENGINE.loaded, ENGINE.problems) == (4, [])
    assert set(ENGINE._by_kind) >= {Kind.PROCESS_EXEC, Kind.FILE_CREATE, Kind.NETWORK_CONNECT}


def test_a_short_text_that_comes_again_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []

    def counting(texts: Sequence[str]) -> literals.Match:
        return lambda text: searched.append(text) or [n for n, part in enumerate(texts) if part in text]

    monkeypatch.setattr(literals, "_together", counting)
    find = finder([f"text{n}" for n in range(FEW + 1)])
    long = "text3" + "x" * SHORT

    assert [list(find(text)) for text in ("a text2", "a text2", long, long)] == [[2], [2], [3], [3]]
    assert searched == ["a text2", long, long]


def test_the_header_is_made_for_rules_that_ask_for_it_only() -> None:
    made: list[Header] = []

    def header() -> Header:
        made.append(HEADER)
        return HEADER

    Engine(compiled(rule_text("sel: {process.drift: true}\ncondition: sel"))).matches(exec_event("a"), header)
    assert made == []
    Engine(compiled(rule_text("sel: {task.family: shop}\ncondition: sel"))).matches(exec_event("a"), header)
    assert made == [HEADER]
