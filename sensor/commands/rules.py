"""`fargate-sensor rules list|check|test|tune`: what there is, what is wrong with it, and whether it does its work."""

import datetime
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.commands.arguments import Parser
from sensor.commands.rules_replay import Replay
from sensor.config.settings import variable
from sensor.detect.compact import Problem, Rule, RuleSet
from sensor.detect.engine import Engine
from sensor.detect.shipped import shipped
from sensor.model.codec import event_from_json, header_from_json
from sensor.model.errors import MalformedEvent
from sensor.model.events import Event, Header
from sensor.telemetry.log import printable

if TYPE_CHECKING:
    from sensor.sigma.cases import Case

ABOUT = """\
Works on Sigma rules in files and directories, else on those that SENSOR_RULES names; `list` then also shows the rules
that ship. `check` tells every error with its file and line. `test` runs the cases that stand beside rules
(NAME.cases.yml), and with --events tells which rules the events of a file find, one JSON object a line as
`watch --json` writes them. `tune` proposes suppressions from such a file, and shows what each would have hidden."""

ACTIONS = ("list", "check", "test", "tune")
MOST_TOLD = 10
"""Lines without an event; where no event was among so many there is none."""
LONGEST_LINE = 4 * 1024 * 1024


def main(argv: list[str]) -> int:
    """Exit code 0 when all is well, 1 when something was found to be wrong, 2 for wrong usage."""
    parser = Parser("rules", ABOUT, "fargate-sensor rules check /etc/fargate-sensor/rules")
    parser.add_argument("action", choices=ACTIONS, metavar="|".join(ACTIONS), help="what to do")
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files and directories of rules")
    parser.add_argument(
        "--events", metavar="FILE", help="for test and tune: events, one JSON object a line; - is standard input"
    )
    options = parser.parse_intermixed_args(argv)
    paths = options.paths or [p.strip() for p in os.environ.get(variable("rules"), "").split(",") if p.strip()]
    if options.events and options.action not in ("test", "tune"):
        parser.error("--events goes with test and tune")
    if not options.events and options.action == "tune":
        parser.error("tune needs --events FILE, which `fargate-sensor watch --json --all` records")
    if not paths and options.action == "check":
        parser.error(f"name a file or directory, or set {variable('rules')}")
    if options.action == "list":
        return _list(_compiled(paths), with_shipped=not options.paths)
    if options.action == "check":
        return _check(_compiled(paths))
    if options.action == "tune":
        return _tune(paths, options.events)
    return _test(paths, options.events)


def _compiled(paths: Sequence[str]) -> RuleSet:
    """Compiled here: a person may wait for pySigma."""
    if not paths:
        return RuleSet()
    from sensor.sigma.compiler import compile_paths

    return compile_paths(map(Path, paths))


def _list(rules: RuleSet, *, with_shipped: bool) -> int:
    rules = shipped().joined(rules) if with_shipped else rules
    for rule in sorted(rules.rules, key=lambda rule: (rule.not_here is not None, rule.title)):
        _say(f"{rule.level:<13} {rule.title}  [{rule.id}]")
        _say(f"{'':14}{_needs(rule)}")
    return _tell([*rules.problems, *Engine(rules).problems])


def _needs(rule: Rule) -> str:
    """`process.exec, file.create`, or why it can match nothing."""
    if rule.not_here is not None:
        return f"not evaluable here: {rule.not_here}"
    kinds = ", ".join(dict.fromkeys(kind for variant in rule.variants for kind in variant.kinds))
    return f"{kinds}; without {', '.join(rule.without)}, which no event has" if rule.without else kinds


def _check(rules: RuleSet) -> int:
    code = _tell([*rules.problems, *Engine(rules).problems])
    idle = [rule for rule in rules.rules if rule.not_here is not None]
    for rule in (*idle, *(rule for rule in rules.rules if rule.without)):
        _say(f"{rule.source}: {rule.title}: {_needs(rule)}")
    known = {"*", *(rule.id for rule in (*rules.rules, *shipped().rules))}
    for suppression in rules.suppressions:
        if suppression.rule not in known:
            _say(f"{suppression.source}: no rule here, and none that ships, has the id {suppression.rule}")
    _say(f"{len(rules.rules)} rules, {len(idle)} not evaluable here, {len(rules.problems)} problems")
    return code


def _say(line: str) -> None:
    """On standard output; what a rule, which may be anybody's, has in it does not drive the terminal."""
    sys.stdout.write(printable(line) + "\n")


def _tell(problems: Iterable[Problem]) -> int:
    code = 0
    for problem in problems:
        sys.stderr.write(printable(f"{problem.source}: {problem.text}") + "\n")
        code = 1
    return code


def _test(paths: Sequence[str], events: str | None) -> int:
    if events is not None:
        rules = _compiled(paths) if paths else shipped()
        return max(_tell(rules.problems), _replay(Engine(rules), events))
    if not paths:
        sys.stderr.write("fargate-sensor rules: name the rules whose cases to run, or give --events\n")
        return 2
    return _run_cases(paths)


def _run_cases(paths: Sequence[str]) -> int:
    from sensor.sigma.cases import failures
    from sensor.sigma.compiler import compile_paths
    from sensor.sigma.documents import rule_files

    ran, wrong, without = 0, 0, []
    for path in rule_files(map(Path, paths)):
        if isinstance(path, Problem):
            wrong += _tell([path])
            continue
        rules = compile_paths([path])
        cases, problems = _cases(path)
        wrong += _tell([*rules.problems, *problems])
        ran += len(cases)
        without += [path] if not cases and rules.rules else []
        for rule in rules.rules:
            found = list(failures(cases, Engine(rules), rule.id))
            _tell(Problem(problem.source, f"{rule.title}: {problem.text}") for problem in found)
            wrong += len(found)
    for path in without:
        _say(f"{path}: no cases")
    _say(f"{ran} cases, {wrong} wrong, {len(without)} files of rules without cases")
    return 1 if wrong else 0


def _cases(path: Path) -> "tuple[list[Case], list[Problem]]":
    from sensor.sigma.cases import cases_beside

    found = list(cases_beside(path))
    return [c for c in found if not isinstance(c, Problem)], [p for p in found if isinstance(p, Problem)]


def _tune(paths: Sequence[str], name: str) -> int:
    """Proposals on standard output, as a file of suppressions."""
    from sensor.commands.rules_tune import groups, proposals

    rules = _compiled(paths)
    code = _tell(rules.problems)
    recording = _Recording(name)
    found = groups(Engine(shipped().joined(rules)), ((event, header) for _, event, header in recording.events()))
    lines = list(proposals(found, datetime.datetime.now(datetime.UTC).date()))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stderr.write(f"{recording.read} events, {sum(line.startswith('  - rule') for line in lines)} proposals\n")
    return max(code, 1 if recording.wrong else 0)


def _replay(engine: Engine, name: str) -> int:
    """Which rules the events find, and which might if all of them had been read: a line for each."""
    recording, replay, matches = _Recording(name), Replay(engine), 0
    for number, event, header in recording.events():
        found, undecided = replay.verdict(event, header)
        matches += len(found)
        for rule in found:
            _say(f"{name}:{number}: {rule.level}: {rule.title}  [{rule.id}]")
        for rule in undecided:
            _say(f"{name}:{number}: undecided, not all was read: {rule.title}  [{rule.id}]")
    _say(f"{recording.read} events, {matches} detections, {recording.wrong} lines that hold no event")
    return 1 if recording.wrong else 0


class _Recording:
    """Events from a file, a line each; what is none is told and counted."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.read = self.wrong = 0

    def events(self) -> Iterator[tuple[int, Event, Header | None]]:
        """The events with the numbers of their lines, and the sensor and task that they name."""
        try:
            for number, line in enumerate(_lines(self._name), 1):
                try:
                    plain = json.loads(line)
                    event = event_from_json(plain)
                    header = header_from_json(plain) if "sensor" in plain else None
                except (MalformedEvent, ValueError, RecursionError) as error:
                    self.wrong += 1
                    if self.wrong <= MOST_TOLD:
                        _tell([Problem(f"{self._name}:{number}", f"no event: {error}"[:300])])
                    elif not self.read:
                        _tell(
                            [Problem(self._name, "is no recording: that has an event a line, as `stdout` writes them")]
                        )
                        return
                    continue
                self.read += 1
                yield number, event, header
        except OSError as error:
            self.wrong += _tell([Problem(self._name, f"cannot be read: {error.strerror}")])


def _lines(name: str) -> Iterator[str]:
    source = sys.stdin.fileno() if name == "-" else name
    with open(source, encoding="utf-8", errors="replace", closefd=name != "-") as file:
        while line := file.readline(LONGEST_LINE):
            yield line
