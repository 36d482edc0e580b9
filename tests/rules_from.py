"""Rules out of YAML texts, and events to meet them."""

from sensor.detect.compact import Problem, Rule, RuleSet
from sensor.detect.engine import Engine
from sensor.model.events import Ancestor, Container, Event, Evidence, Process
from sensor.model.kinds import Kind
from sensor.sigma.compiler import Compiler
from sensor.sigma.documents import parsed
from tests.fakes import START

RULE = """
title: {title}
id: {id}
logsource: {{product: linux, category: {category}}}
detection:
{detection}
level: high
author: somebody
tags: [attack.execution]
"""
ID = "11111111-2222-4333-8444-555555555555"


def compiled(*texts: str) -> RuleSet:
    """The rule set of these files."""
    compiler = Compiler()
    for number, text in enumerate(texts, 1):
        for document in parsed(text.encode(), f"{number}.yml"):
            compiler.add(document)
    return compiler.result()


def rule_text(detection: str, *, category: str = "process_creation", title: str = "a rule", ident: str = ID) -> str:
    """A rule of which only the detection matters."""
    indented = "\n".join(f"  {line}" for line in detection.strip().splitlines())
    return RULE.format(title=title, id=ident, category=category, detection=indented)


def one_rule(detection: str, **options: str) -> Rule:
    """The only rule of a text, without problems."""
    rules = compiled(rule_text(detection, **options))
    assert rules.problems == ()
    (rule,) = rules.rules
    return rule


def fires(rule: Rule, event: Event, parent: Process | None = None) -> bool:
    """Whether the rule finds the event."""
    return bool(Engine(RuleSet((rule,))).matches(event, None, lambda _: parent))


def exec_event(line: str = "app", **fields: object) -> Event:
    """An exec of a command line, whose first word is below /usr/bin where it is no path."""
    args = tuple(line.split(" "))
    exe = args[0] if args[0].startswith("/") else f"/usr/bin/{args[0]}"
    process = Process("entity-7", 7, exe=exe, args=args, ancestors=(Ancestor("above", 1, "/usr/bin/bash"),))
    process = process._replace(**fields)  # type: ignore[arg-type]  # the fields of a process
    return Event(
        Kind.PROCESS_EXEC, START, Evidence("test"), container=Container("c1", "app", "shop:1.4"), process=process
    )


def texts(problems: tuple[Problem, ...]) -> list[str]:
    """`place: text` of each."""
    return [f"{problem.source}: {problem.text}" for problem in problems]
