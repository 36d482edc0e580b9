"""Cases beside rules: events in short, and what a rule says of them."""

from pathlib import Path

import pytest

from sensor.detect.compact import Problem
from sensor.detect.engine import Engine
from sensor.model.errors import MalformedEvent
from sensor.model.kinds import Kind
from sensor.sigma.cases import Case, cases_beside, event_of, failures
from tests.rules_from import ID, compiled, rule_text

CASES = """
fires:
  - exec: nmap -sT 10.0.0.1
    run: nmap -sT 10.0.0.1
  - {exec: x, exe: /usr/bin/nmap, parents: [/bin/sh, /pause], with: {process: {uid: 0}}}
spares:
  - exec: nmapper
  - {dns: example.org, by: nmap}
"""


def test_a_case_is_an_event_in_short() -> None:
    event = event_of({"exec": "sh -c 'a b'", "exe": "/bin/dash", "parents": ["/a"], "with": {"process": {"uid": 0}}})

    assert event.process is not None
    assert (event.kind, event.process.exe, event.process.args) == (Kind.PROCESS_EXEC, "/bin/dash", ("sh", "-c", "a b"))
    assert (event.process.uid, [above.exe for above in event.process.ancestors]) == (0, ["/a"])


def test_every_kind_has_a_short_form() -> None:
    connect = event_of({"connect": "10.0.0.1:80", "by": "curl x", "with": {"network": {"scope": "private"}}})
    listen, dns = event_of({"listen": 80}), event_of({"dns": "a.b"})
    file, identity = event_of({"file.delete": "/x"}), event_of({"process.identity": True, "by": "/x"})

    assert connect.network is not None
    assert (connect.network.dst, connect.network.dst_port, connect.network.scope) == ("10.0.0.1", 80, "private")
    assert listen.network is not None
    assert (listen.kind, listen.network.src_port) == (Kind.NETWORK_LISTEN, 80)
    assert dns.dns is not None
    assert dns.dns.question == "a.b"
    assert file.file is not None
    assert file.file.path == "/x"
    assert identity.process is not None


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"exec": "a", "dns": "b"},
        {"nothing": 1},
        {"exec": "'"},
        {"exec": " "},
        {"exec": None},
        {"file.create": "/x", "by": ""},
        {"connect": "x"},
        {"exec": "a", "with": {"process": {"pid": "x"}}},
    ],
)
def test_what_is_no_case_is_refused(item: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, MalformedEvent)):
        event_of(item)


def test_cases_stand_beside_their_rule_and_are_held_against_it(tmp_path: Path) -> None:
    (tmp_path / "scan.cases.yml").write_text(CASES)
    cases = [case for case in cases_beside(tmp_path / "scan.yml") if isinstance(case, Case)]
    right = Engine(compiled(rule_text("sel: {process.name: nmap, kind: process.exec}\ncondition: sel")))
    wrong = Engine(compiled(rule_text("sel: {process.exe_name: nmapper}\ncondition: sel")))

    assert [case.run for case in cases] == ["nmap -sT 10.0.0.1", None, None, None]
    assert list(failures(cases, right, ID)) == []
    assert [problem.text for problem in failures(cases, wrong, ID)] == [
        "should fire and does not",
        "should fire and does not",
        "should not fire and does",
    ]


def test_wrong_cases_are_told_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.cases.yml").write_text("fires:\n  - exec: a\nspares: []\nother: 1\n")
    (tmp_path / "b.cases.yml").write_text("fires: [{}]\nspares: [7, {connect: a}]\n")

    told = [*cases_beside(tmp_path / "a.yml"), *cases_beside(tmp_path / "b.yml")]

    problems = [problem for problem in told if isinstance(problem, Problem)]
    assert [problem.source.rpartition("/")[2] for problem in problems] == [
        *(
            "a.cases.yml:4",
            "a.cases.yml:3",
            "b.cases.yml:1 (fires 1)",
            "b.cases.yml:2 (spares 1)",
            "b.cases.yml:2 (spares 2)",
        )
    ]
    assert list(cases_beside(tmp_path / "none.yml")) == []
