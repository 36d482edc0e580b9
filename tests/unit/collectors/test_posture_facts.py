"""What is looked at in a container, and how what is read of it becomes facts."""

from pathlib import Path
from typing import Any

import pytest

from collectors import posture_facts
from collectors.environ import Secrets
from collectors.gated import GatedReads
from collectors.helpers import Helpers
from collectors.posture_facts import application, is_exec_agent, is_pause, read_program, writable_root
from collectors.process_table import Tracked
from collectors.procfs import Procfs
from sensor.model.counters import Counters
from sensor.model.errors import AccessDenied
from sensor.model.events import Timestamp

FULL, NONE = "000001ffffffffff", "0000000000000000"


def process(pid: int = 10, exe: str | None = "/bin/app", **known: Any) -> Tracked:
    made = Tracked(pid, f"entity-{pid}", 1, Timestamp(1), known.pop("parent", None), exe=exe, container="c", uid=1000)
    made.executed = True
    for name, value in known.items():
        setattr(made, name, value)
    return made


class Proc:
    """A /proc with what the facts are read from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.procfs = Procfs(str(root))
        self.gated = GatedReads(self.procfs, Helpers(None, Counters()))
        self.put("self", uid_map="0 0 4294967295\n")

    def put(self, name: str, **files: str) -> None:
        (self.root / name).mkdir(exist_ok=True)
        for file, content in files.items():
            (self.root / name / file).write_text(content)

    def add(self, pid: int = 10, uid: int = 0, held: str = NONE, environ: str = "", users: str = "0 0 4294967295\n"):
        status = f"Name:\tx\nUid:\t{uid}\t{uid}\t0\t0\nGid:\t0\t0\t0\t0\nCapEff:\t{held}\nSeccomp:\t2\n"
        self.put(str(pid), status=status, environ=environ, uid_map=users)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_the_application_is_one_process_for_each_program_and_user() -> None:
    first, again, other = process(10), process(11), process(12, uid=33)
    unnamed = process(13, None, comm="worker")
    assert application([first, again, other, unnamed]) == ([first, other, unnamed], False)


def test_what_came_from_outside_and_the_sensor_are_no_part_of_it() -> None:
    agent = process(13, "/managed-agents/execute-command/amazon-ssm-agent")
    assert application([process(own=True), process(session="exec"), process(session="probe"), agent]) == ([], False)


def test_more_programs_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posture_facts, "MOST_PROGRAMS", 2)
    programs = [process(n, f"/bin/{n}") for n in range(10, 13)]
    assert application([*programs[:2], programs[0]]) == (programs[:2], False)
    assert application(programs) == (programs[:2], True)


def test_the_agent_is_known_by_its_place_or_its_name() -> None:
    assert is_exec_agent(process(exe="/managed-agents/execute-command/ssm-agent-worker"))
    assert is_exec_agent(process(exe="/usr/bin/amazon-ssm-agent"))
    assert is_exec_agent(process(exe=None, args=("/managed-agents/execute-command/amazon-ssm-agent",)))
    assert not is_exec_agent(process(exe="/bin/app", args=("/managed-agents/execute-command/amazon-ssm-agent",)))
    assert not is_exec_agent(process(exe=None, args=()))


def test_pause_is_the_first_process_of_that_name() -> None:
    assert is_pause(process(1, "/pause"))
    assert is_pause(process(1, None, args=("/pause",)))
    assert is_pause(process(1, None, comm="pause"))
    assert not is_pause(process(2, "/pause"))
    assert not is_pause(process(1, "/bin/app"))


def test_rights_and_secrets_are_read_together(proc: Proc) -> None:
    proc.add(environ="PATH=/bin\0DB_PASSWORD=x\0")
    found = read_program(proc.procfs, proc.gated, process())
    assert found is not None
    assert (found.rights.uid, found.secrets, found.unread, found.nested) == (0, Secrets(("DB_PASSWORD",)), None, False)


def test_a_process_that_has_ended_is_passed_over(proc: Proc) -> None:
    assert read_program(proc.procfs, proc.gated, process(999)) is None


@pytest.mark.parametrize(("uid", "held", "nested"), [(0, NONE, True), (1000, FULL, True), (1000, NONE, False)])
def test_users_of_its_own_are_asked_for_where_something_depends_on_them(
    proc: Proc, uid: int, held: str, nested: bool
) -> None:
    proc.add(uid=uid, held=held, users="0 1000 1\n")
    found = read_program(proc.procfs, proc.gated, process())
    assert found is not None
    assert found.nested is nested


def test_a_closed_environment_is_named_as_such(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(procfs: Procfs, pid: int) -> Secrets:
        raise AccessDenied(f"/proc/{pid}/environ: denied")

    proc.add()
    monkeypatch.setattr("collectors.environ.read_secrets", refuse)
    found = read_program(proc.procfs, proc.gated, process())
    assert found is not None
    assert (found.secrets, found.unread) == (None, "denied")


def test_what_was_only_forked_has_its_parents_environment(proc: Proc) -> None:
    proc.add(environ="DB_PASSWORD=x\0")
    parent = process(9)
    child = process(10, executed=False, parent=parent)
    found = read_program(proc.procfs, proc.gated, child)
    assert found is not None
    assert (found.secrets, found.unread) == (None, None)

    parent.ended = 1.0
    found = read_program(proc.procfs, proc.gated, child)
    assert found is not None
    assert found.secrets == Secrets(("DB_PASSWORD",))

    parent.ended, parent.container = None, "another"
    found = read_program(proc.procfs, proc.gated, child)
    assert found is not None
    assert found.secrets == Secrets(("DB_PASSWORD",))


def test_the_root_is_that_of_the_first_process_that_tells(proc: Proc) -> None:
    proc.put("11", mountinfo="9 1 0:9 / /proc ro - proc proc ro\n")
    proc.put("12", mountinfo="1 0 0:40 / / ro - overlay overlay rw\n")
    proc.put("13", mountinfo="1 0 0:40 / / rw - overlay overlay rw\n")
    assert writable_root(proc.procfs, [process(10), process(11), process(12), process(13)]) is False
    assert writable_root(proc.procfs, [process(13), process(12)]) is True
    assert writable_root(proc.procfs, [process(10)]) is None
