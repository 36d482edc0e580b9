"""`fargate-sensor rules`: what it prints and its exit codes."""

import json
from pathlib import Path

import pytest

from sensor.commands import rules_replay
from sensor.commands.rules import MOST_TOLD, main
from sensor.commands.rules_tune import every_version_of
from sensor.detect import shipped
from sensor.detect.engine import Engine
from sensor.model.codec import event_to_json, part_to_json
from sensor.model.events import Ancestor, File, Header, Sensor, Task
from sensor.model.kinds import Kind
from tests.rules_from import ID, compiled, exec_event, rule_text

GOOD = rule_text("sel: {Image|endswith: /nmap}\ncondition: sel", title="scans")
OTHER = "11111111-2222-4333-8444-555555555556"
IDLE = rule_text("sel: {LogonGuid: x}\ncondition: sel", title="idle", ident=OTHER)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "idle.yml").write_text(IDLE)
    return tmp_path


def test_list_says_what_each_needs(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", str(rules)]) == 0

    out = capsys.readouterr().out
    assert f"high          scans  [{ID}]\n              process.exec\n" in out
    assert "not evaluable here: no event here has LogonGuid" in out


def test_list_has_what_ships_and_what_is_set(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSOR_RULES", f"{rules}, ")
    monkeypatch.setattr(shipped, "SHIPPED", str(rules / "none"))

    assert main(["list"]) == 1

    told = capsys.readouterr()
    assert "scans" in told.out
    assert "the shipped rules cannot be read" in told.err
    assert "make rules" in told.err


def test_check_tells_every_error_at_once(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rules / "bad.yml").write_text(GOOD.replace("level: high", "level: urgent"))
    (rules / "worse.yml").write_text("a: [")

    assert main(["check", str(rules)]) == 1

    told = capsys.readouterr()
    assert f"{rules}/bad.yml:8: " in told.err
    assert f"{rules}/worse.yml:" in told.err
    assert "2 rules, 1 not evaluable here, 2 problems" in told.out


def test_check_of_sound_rules_is_content(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(rules / "good.yml")]) == 0
    assert capsys.readouterr().out == "1 rules, 0 not evaluable here, 0 problems\n"


def test_check_names_fields_that_no_event_has(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rules / "good.yml").write_text(rule_text("a: {process.nmae: x}\nb: {Image: /x}\ncondition: a or b"))

    assert main(["check", str(rules / "good.yml")]) == 0
    assert f"{rules}/good.yml:2: a rule: process.exec; without process.nmae, which" in capsys.readouterr().out


def test_test_runs_the_cases(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rules / "good.cases.yml").write_text("fires: [{exec: nmap x}]\nspares: [{exec: /opt/nmap}]\n")

    assert main(["test", str(rules)]) == 1

    told = capsys.readouterr()
    assert "good.cases.yml:2 (spares 1): scans: should not fire and does" in told.err
    assert f"{rules}/idle.yml: no cases" in told.out
    assert "2 cases, 1 wrong, 1 files of rules without cases" in told.out


def test_test_tells_what_events_find(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = rules / "events.jsonl"
    lines = [json.dumps(part_to_json(exec_event(line))) for line in ("nmap x", "ls")]
    events.write_text("\n".join([*lines, "{}", ""]))

    assert main(["test", str(rules), "--events", str(events)]) == 1

    told = capsys.readouterr()
    assert f"{events}:1: high: scans  [{ID}]" in told.out
    assert "2 events, 1 detections, 1 lines that hold no event" in told.out
    assert f"{events}:3: no event" in told.err


def test_recorded_events_know_their_task_and_the_process_above(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As they do in the running sensor, so that a filter by either takes away what it takes away there."""
    shell = rule_text("sh: {Image|endswith: /sh}\nnpm: {ParentCommandLine|contains: npm}\ncondition: sh and not npm")
    family = rule_text(
        "sel: {task.family: shop, Image|endswith: /sh}\ncondition: sel", title="of the shop", ident=OTHER
    )
    (rules / "good.yml").write_text(f"{shell}---{family}")
    header = Header(Sensor("s", "e", "1"), Task("ecs", family="shop"))
    events = [
        exec_event("node npm start", entity="npm"),
        exec_event("node server.js", entity="server"),
        *(exec_event("sh", ancestors=(Ancestor(entity, 5, "/usr/bin/node"),)) for entity in ("npm", "server", "gone")),
        exec_event("sh", ancestors=()),
    ]
    recording = rules / "events.jsonl"
    recording.write_text("".join(json.dumps(event_to_json(event, header)) + "\n" for event in events))

    assert main(["test", str(rules / "good.yml"), "--events", str(recording)]) == 0
    told = [line.removeprefix(f"{recording}:") for line in capsys.readouterr().out.splitlines()]
    assert [line for line in told if "of the shop" not in line] == [
        f"4: high: a rule  [{ID}]",
        f"5: undecided, not all was read: a rule  [{ID}]",
        f"6: high: a rule  [{ID}]",
        "6 events, 6 detections, 0 lines that hold no event",
    ]


def test_parents_that_nobody_asks_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_replay, "MOST_KNOWN", 2)
    npm = rule_text("sel: {Image|endswith: /sh, ParentCommandLine|contains: npm}\ncondition: sel")
    replay = rules_replay.Replay(Engine(compiled(npm)))

    def finds(entity: str) -> bool:
        above = (Ancestor(entity, 5, "/usr/bin/node"),)
        return bool(replay.verdict(exec_event("sh", ancestors=above, args=None), None).found)

    for entity in ("first", "second"):
        replay.verdict(exec_event("node npm", entity=entity, ancestors=()), None)
    replay.verdict(exec_event("node", entity="first", ancestors=(), args=None), None)  # its end, which tells less

    assert finds("first")
    assert not finds("second")


@pytest.mark.parametrize("action", ["test", "tune"])
def test_rules_may_be_named_behind_the_events(
    action: str, rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENSOR_RULES", raising=False)
    events = rules / "events.jsonl"
    events.write_text((json.dumps(part_to_json(exec_event("nmap x"))) + "\n") * 5)

    assert main([action, "--events", str(events), str(rules)]) == 0
    assert "scans" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["test", "tune"])
@pytest.mark.parametrize(
    "text", ["detection: [", "suppressions:\n  - {rule: x}\n", None], ids=["rule", "entry", "none"]
)
def test_what_is_wrong_with_rules_is_told_whatever_the_events_find(
    action: str, text: str | None, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, bad = rules / "events.jsonl", rules / "bad.yml"
    events.write_text((json.dumps(part_to_json(exec_event("nmap x"))) + "\n") * 5)
    if text is not None:
        bad.write_text(text)

    assert main([action, str(rules / "good.yml"), str(bad), "--events", str(events)]) == 1
    told = capsys.readouterr()
    assert f"{bad}:" in told.err
    assert "scans" in told.out


def test_what_a_rule_has_cannot_drive_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = tmp_path / "a.yml"
    rule.write_text(rule_text("a: {Image|endswith: /nmap}\nb: {Foo: y}\ncondition: a or b", title='"a \\e[2J b"'))
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(part_to_json(exec_event("nmap"))) + "\n")

    for argv in (["list", str(rule)], ["check", str(rule)], ["test", str(rule), "--events", str(events)]):
        assert main(argv) == 0
        said = capsys.readouterr().out
        assert "a \\x1b[2J b" in said
        assert said.replace("\n", "").isprintable()


def test_what_a_line_has_cannot_drive_the_terminal(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = part_to_json(exec_event("/usr/bin/true"))
    assert isinstance(plain, dict)
    events = rules / "events.jsonl"
    events.write_text(
        json.dumps(plain | {"health": {"uptime_s": 1, "interval_s": 1, "counters": {"\x1b[2Jowned": "x"}}}) + "\n"
    )

    assert main(["test", str(rules), "--events", str(events)]) == 1
    assert "\\x1b[2Jowned" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["check"], ["mend"], [], ["list", "--events", "x"], ["test"], ["tune"]])
def test_wrong_usage_is_two(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENSOR_RULES", raising=False)
    try:
        code = main(argv)
    except SystemExit as error:
        code = error.code  # type: ignore[assignment]  # argparse exits with a number
    assert code == 2


def test_who_says_not_what_to_do_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().err == (
        "fargate-sensor rules: the following arguments are required: list|check|test|tune; "
        "see fargate-sensor rules --help\n"
    )


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str], rules: Path) -> None:
    assert main(["test", str(rules), "--events", str(rules / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_what_is_no_recording_is_told_after_a_few_lines(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rules / "notes.txt").write_text("no event\n" * 500)

    assert main(["tune", str(rules), "--events", str(rules / "notes.txt")]) == 1
    told = capsys.readouterr().err.splitlines()
    assert sum(": no event: " in line for line in told) == MOST_TOLD
    assert sum("is no recording" in line for line in told) == 1


def test_a_recording_with_many_wrong_lines_is_read_to_its_end(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = json.dumps(part_to_json(exec_event("nmap 1")))
    (rules / "events.jsonl").write_text(f"{event}\n" + "no event\n" * 500 + f"{event}\n")

    assert main(["test", str(rules), "--events", str(rules / "events.jsonl")]) == 1
    told = capsys.readouterr()
    assert "2 events, 2 detections, 500 lines that hold no event" in told.out
    assert told.err.count("no event: ") == MOST_TOLD


def test_standard_input_may_hold_what_is_no_text(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = json.dumps(part_to_json(exec_event("nmap 1"))).encode()
    (rules / "events.jsonl").write_bytes(b"\xff\xfe\n" + event + b"\n")

    with (rules / "events.jsonl").open(encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert main(["test", str(rules), "--events", "-"]) == 1
    told = capsys.readouterr()
    assert "1 events, 1 detections, 1 lines that hold no event" in told.out
    assert told.err.startswith("-:1: no event: ")


def test_tune_proposes_what_an_image_does_all_the_time(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = rules / "events.jsonl"
    lines = ["nmap 1", "nmap 1", "nmap 2", "nmap 3", "nmap 4"]
    events.write_text("".join(json.dumps(part_to_json(exec_event(line))) + "\n" for line in lines))

    assert main(["tune", str(rules), "--events", str(events)]) == 0

    told = capsys.readouterr()
    assert "  # 5 times high: scans\n  #   2 x nmap 1\n" in told.out
    assert "  #   and 1 other things\n" in told.out
    assert f'  - rule: {ID}\n    image: "shop:*"\n    until: ' in told.out
    assert "5 events" in told.err
    proposed = compiled(told.out.replace('reason: ""', "reason: because"))
    assert [s.image for s in proposed.suppressions if s.rule == ID] == ["shop:*"]
    assert next(p.text for p in compiled(told.out).problems) == "suppression 1: reason should be a text"


def test_tune_proposes_nothing_that_is_suppressed_already(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events, suppressions = rules / "events.jsonl", rules / "suppressions.yml"
    header = Header(Sensor("s", "e", "1"), Task("ecs", family="shop"))
    events.write_text((json.dumps(event_to_json(exec_event("nmap 1"), header)) + "\n") * 5)
    item = "suppressions:\n  - {{rule: {}, family: {}, until: 2099-01-01, reason: because}}\n"

    for family, proposed in (("shop", False), ("till", True)):
        suppressions.write_text(item.format(ID, family))
        assert main(["tune", str(rules), "--events", str(events)]) == 0
        assert (ID in capsys.readouterr().out) is proposed


def test_tune_counts_a_new_file_once(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rules / "good.yml").write_text(rule_text("sel: {TargetFilename: /srv/x}\ncondition: sel", category="file_event"))
    file = exec_event("tee")._replace(file=File("/srv/x"))
    lines = [json.dumps(part_to_json(file._replace(kind=kind))) for kind in (Kind.FILE_CREATE, Kind.FILE_MODIFY)]
    (rules / "events.jsonl").write_text("\n".join(lines * 3))

    assert main(["tune", str(rules), "--events", str(rules / "events.jsonl")]) == 0
    assert "  # 3 times high: a rule\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("image", "pattern"),
    [
        ("registry:5000/shop:1.4@sha256:00", "registry:5000/shop:*"),
        ("registry:5000/shop:1.4", "registry:5000/shop:*"),
        ("registry:5000/shop@sha256:00", "registry:5000/shop@*"),
        ("nginx", "nginx"),
    ],
)
def test_a_pattern_is_of_every_version_of_an_image_and_of_no_other(image: str, pattern: str) -> None:
    assert every_version_of(image) == pattern


def test_a_suppression_of_no_rule_is_told(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = "99999999-2222-4333-8444-555555555555"
    item = "  - {{rule: {}, until: 2099-01-01, reason: because}}\n"
    (rules / "suppressions.yml").write_text(
        "suppressions:\n" + "".join(item.format(r) for r in (ID.upper(), "'*'", other))
    )

    assert main(["check", str(rules)]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "has the id" in line]
    assert told == [f"{rules}/suppressions.yml:1: no rule here, and none that ships, has the id {other}"]
