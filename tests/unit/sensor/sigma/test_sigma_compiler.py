"""What becomes of files of rules: sound ones, those that can match nothing here, and those that are wrong."""

import pytest

from sensor.detect.compact import RuleSet
from sensor.model.kinds import Kind
from tests.rules_from import ID, compiled, exec_event, fires, one_rule, rule_text, texts

SELECTION = "sel: {Image|endswith: /a}\ncondition: sel"


def kinds(rules: RuleSet) -> set[str]:
    return {kind for rule in rules.rules for variant in rule.variants for kind in variant.kinds}


def not_here(text: str) -> str | None:
    rules = compiled(text)
    assert rules.problems == ()
    (rule,) = rules.rules
    assert not rule.variants or rule.not_here is None
    return rule.not_here


def test_a_rule_keeps_what_a_detection_tells() -> None:
    rule = one_rule(SELECTION)

    assert (rule.id, rule.title, rule.level, rule.author) == (ID, "a rule", "high", "somebody")
    assert rule.tags == ("attack.execution",)
    assert rule.source == "1.yml:2"


def test_a_rule_without_a_level_is_medium() -> None:
    (rule,) = compiled(rule_text(SELECTION).replace("level: high", "")).rules

    assert rule.level == "medium"


def test_a_rule_without_an_id_gets_the_same_one_each_time() -> None:
    text = rule_text(SELECTION).replace(f"id: {ID}", "")

    assert compiled(text).rules[0].id == compiled(text).rules[0].id != ID


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{product: linux, category: process_creation}", {Kind.PROCESS_EXEC}),
        ("{category: file_delete}", {Kind.FILE_DELETE}),
        ("{product: linux, category: network_connection}", {Kind.NETWORK_CONNECT, Kind.NETWORK_FLOW}),
        ("{product: linux, category: process.identity}", {Kind.PROCESS_IDENTITY}),
    ],
)
def test_a_log_source_means_kinds_of_event(source: str, expected: set[Kind]) -> None:
    text = rule_text(SELECTION).replace("{product: linux, category: process_creation}", source)

    assert kinds(compiled(text)) == {str(kind) for kind in expected}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{product: windows, category: process_creation}", "it is for windows"),
        ("{product: linux, service: cron}", "it needs the log of cron"),
        ("{category: webserver}", "nothing here is a log of the category webserver"),
        ("{product: aws}", "it needs the log of aws"),
    ],
)
def test_a_log_that_is_not_here_is_named(source: str, reason: str) -> None:
    text = rule_text(SELECTION).replace("{product: linux, category: process_creation}", source)

    assert reason in (not_here(text) or "")


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ("sel: {IntegrityLevel: High}\ncondition: sel", "no event here has IntegrityLevel"),
        (
            "sel: {Image: a}\nfilter: {LogonGuid: b}\ncondition: sel and not filter",
            "LogonGuid, and the rule leaves out",
        ),
        ("sel: {TargetFilename: a}\ncondition: sel", "no kind of event here has all"),
        ("sel: {CommandLine|re: '(?<!a)b'}\ncondition: sel", "RE2 has no such expression"),
        ("sel: {CommandLine|expand: '%tools%'}\ncondition: sel", "a placeholder without a value"),
        ("sel: {CommandLine|re|expand: 'nc %tools%'}\ncondition: sel", "a placeholder without a value"),
        ("sel: {process.start|hour: 3}\ncondition: sel", "a part of a time"),
        ("sel: {Image|exists: false}\ncondition: not sel or sel", None),
    ],
)
def test_what_no_event_can_have_is_named(detection: str, reason: str | None) -> None:
    found = not_here(rule_text(detection))

    assert reason is None if found is None else (reason or "?") in found


def test_a_field_that_only_adds_is_left_out_and_named() -> None:
    rule = one_rule("sel: {Image|endswith: /a}\nother: {IntegrityLevel: High}\ncondition: sel or other")

    assert rule.without == ("IntegrityLevel",)
    assert fires(rule, exec_event("a"))


def test_auditd_is_decided_by_what_the_kind_of_event_is() -> None:
    rule = one_rule(
        "run: {type: EXECVE, a0: insmod}\nfile: {type: PATH, name|startswith: /etc/cron}\n"
        "call: {type: SYSCALL, SYSCALL: sysinfo}\ncondition: 1 of them"
    ).variants
    everywhere = compiled(
        rule_text("file: {type: PATH, nametype: CREATE, name: /x}\ncondition: file").replace(
            "category: process_creation", "service: auditd"
        )
    )

    assert "sysinfo" not in str(rule)
    assert kinds(everywhere) == {Kind.FILE_CREATE, Kind.FILE_RENAME}


CORRELATED = """
title: many of them
id: 11111111-2222-4333-8444-555555555559
correlation: {type: event_count, rules: [RULE], group-by: [User], timespan: 5m, condition: {gte: 10}}
"""


def test_a_correlation_is_not_evaluated() -> None:
    assert "nothing counts over several events" in (not_here(CORRELATED.replace("RULE", "one")) or "")


@pytest.mark.parametrize(
    ("reference", "generate", "told"),
    [(ID, "", False), ("one", "", False), (ID, "generate: true, ", True), ("another", "", True)],
)
def test_what_a_correlation_is_made_of_is_told_by_itself_only_where_it_says_so(
    reference: str, generate: str, told: bool
) -> None:
    correlation = CORRELATED.replace("RULE", reference).replace("{type", "{" + generate + "type")
    named = rule_text(SELECTION).replace("title: a rule", "title: a rule\nname: one")
    for texts_ in ((named, correlation), (correlation, named)):
        rules = compiled(*texts_)
        assert rules.problems == ()
        (rule,) = [rule for rule in rules.rules if rule.id == ID]
        assert (rule.not_here is None) is told
        assert told or "part of a correlation" in (rule.not_here or "")


def test_filters_of_sigma_take_matches_away() -> None:
    filtering = """
title: our jobs
logsource: {product: linux, category: process_creation}
filter:
  rules: [RULE]
  job: {User: job}
  condition: not job
"""
    (rule,) = compiled(rule_text(SELECTION), filtering.replace("RULE", ID)).rules

    assert fires(rule, exec_event("a", user="app"))
    assert not fires(rule, exec_event("a", user="job"))


def test_each_of_several_filters_takes_matches_away() -> None:
    jobs = FILTER.replace("RULES", "any").replace("FIELD", "User").replace("CONDITION", "not job")
    (rule,) = compiled(rule_text(SELECTION), jobs, jobs.replace("User: job", "CurrentDirectory: /srv")).rules

    assert fires(rule, exec_event("a", user="app", cwd="/"))
    assert not fires(rule, exec_event("a", user="job", cwd="/"))
    assert not fires(rule, exec_event("a", user="app", cwd="/srv"))


FILTER = """
title: our jobs
logsource: {product: linux, category: process_creation}
filter:
  rules: RULES
  job: {FIELD: job}
  condition: CONDITION
"""


@pytest.mark.parametrize(
    ("rules_of_it", "field", "condition", "problem"),
    [
        ("any", "User", "not job and (", "a filter that cannot be applied: "),
        ("any", "User", "not other", "a filter that cannot be applied: "),
        ("any", "LogonGuid", "job", "a filter that cannot be applied: no event here has LogonGuid"),
        ("[11111111-2222-4333-8444-555555555550]", "User", "not job", "a filter for none of these rules"),
    ],
)
def test_a_filter_that_cannot_be_applied_is_told_at_its_place_and_costs_no_rule(
    rules_of_it: str, field: str, condition: str, problem: str
) -> None:
    wrong = FILTER.replace("RULES", rules_of_it).replace("FIELD", field).replace("CONDITION", condition)
    right = FILTER.replace("RULES", "any").replace("FIELD", "User").replace("CONDITION", "not job")
    other = rule_text(SELECTION, ident="11111111-2222-4333-8444-555555555556")
    found = compiled(wrong, rule_text(SELECTION), other, right)

    assert [p.source.partition(":")[0] for p in found.problems] == ["1.yml"]
    assert found.problems[0].text.startswith(problem)
    assert len(found.rules) == 2
    for rule in found.rules:
        assert fires(rule, exec_event("a", user="app"))
        assert not fires(rule, exec_event("a", user="job"))


def test_a_list_of_many_values_is_one_test_of_each_once() -> None:
    values = [f"v{number}.example" for number in range(20_000)]
    rule = one_rule(f"sel: {{Image|endswith: [{', '.join(values + values[:5])}]}}\ncondition: sel")
    ((_, condition),) = [(v.kinds, v.condition) for v in rule.variants][:1]
    assert condition[-1] == values


def test_every_error_has_its_file_and_line_and_the_others_stay() -> None:
    good = rule_text(SELECTION)
    rules = compiled(
        good.replace("level: high", "level: urgent"),
        good.replace("condition: sel", "condition: other"),
        good.replace("|endswith", "|endwith"),
        "a: [1",
        "- a list",
        good.replace(f"id: {ID}", "id: 7"),
        rule_text(SELECTION, ident="11111111-2222-4333-8444-555555555556"),
        rule_text(SELECTION, ident="11111111-2222-4333-8444-555555555556"),
        good.replace("title: a rule", "tittle: a rule"),
        rule_text("sel: {CommandLine|re: '(a'}\ncondition: sel"),
    )

    assert [rule.source for rule in rules.rules] == ["7.yml:2"]
    assert [text.partition(" ")[0] for text in texts(rules.problems)] == [
        *("1.yml:8:", "3.yml:6:", "4.yml:2:", "5.yml:1:", "6.yml:3:", "9.yml:2:", "10.yml:6:", "2.yml:7:", "8.yml:3:"),
    ]


def test_a_wrong_response_is_told_and_the_rule_stays() -> None:
    rules = compiled(rule_text(SELECTION) + "response: panic\n")

    assert texts(rules.problems) == ["1.yml:11: response should be one of page, ticket, hunt"]
    assert [rule.response for rule in rules.rules] == [None]


def test_an_expression_for_another_engine_hides_no_other_error() -> None:
    found = compiled(rule_text("a: {CommandLine|re: 'a(?=b)'}\ncondition: a").replace("level: high", "level: urgent"))

    assert found.rules == ()
    assert any("urgent" in problem.text for problem in found.problems)


def test_suppressions_need_a_reason_and_an_end() -> None:
    rules = compiled(
        """
suppressions:
  - {rule: "*", until: 2027-03-31, reason: ticket 1, image: "batch*"}
  - {rule: x, reason: for ever}
  - {rule: x, until: 2027-03-31}
  - {rule: x, until: 2027-03-31, reason: y, host: z}
  - {rule: x, until: 2027-03-31, reason: y, image: [a]}
  - nothing
"""
    )

    (suppression,) = rules.suppressions
    assert (suppression.rule, suppression.image, suppression.family) == ("*", "batch*", "*")
    assert suppression.until == 1806537600  # 2027-04-01 00:00 UTC
    assert [text.partition(": ")[2].partition(":")[0] for text in texts(rules.problems)] == [
        f"suppression {number}" for number in (2, 3, 4, 5, 6)
    ]


def test_the_last_of_all_days_costs_no_other_suppression() -> None:
    rules = compiled(
        'suppressions: [{rule: "*", until: 9999-12-31, reason: x}, {rule: "*", until: 2027-03-31, reason: x}]'
    )

    assert [suppression.until for suppression in rules.suppressions] == [253402300800, 1806537600]
    assert rules.problems == ()
