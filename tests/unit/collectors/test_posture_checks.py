"""What each check finds in a container's state, and what it lets pass."""

import socket
from collections.abc import Iterable
from typing import Any

import pytest

from collectors.environ import Secrets
from collectors.inet_diag import TCP
from collectors.posture_checks import CHECKS, SOCK_DIAG, Finding
from collectors.posture_facts import Facts, RunningProgram
from collectors.process_table import Tracked
from collectors.rights import DEFAULTS, SYS_PTRACE, Rights
from collectors.socket_table import Ends, Known, Owner
from deploy.checks.catalog import catalog
from sensor.model.events import Missing, Process, Timestamp

NOBODY = bytes(16)
LOOPBACK = socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")


def program(exe: str | None = "/bin/app", pid: int = 10, **known: Any) -> RunningProgram:
    """A program with the rights of uid 1000 in a container, unless said otherwise."""
    process = Tracked(pid, f"entity-{pid}", 1, Timestamp(1), None, comm="app", exe=exe)
    if exe is None:
        process.missing = (Missing("process.cwd", "denied"), Missing("process.exe", "denied"))
    rights = Rights(known.pop("uid", 1000), known.pop("capabilities", frozenset()), known.pop("seccomp", 2))
    return RunningProgram(process, rights, **known)


def listener(port: int, src: bytes = NOBODY, family: int = socket.AF_INET) -> Known:
    owner = Owner(Process("entity-10", 10), "c")
    return Known(family, TCP, Ends(src, port, NOBODY, 0), None, owner=owner)


def found(check_id: str, *programs: RunningProgram, **facts: Any) -> Finding | None:
    (check,) = (check for check in CHECKS if check.id == check_id)
    return check.find(Facts(programs=list(programs), **facts))


def names(finding: Finding | None) -> Iterable[str]:
    assert finding is not None
    return finding.found


def test_a_container_as_it_should_be_passes_every_check() -> None:
    facts = Facts(programs=[program(secrets=Secrets())], writable_root=False, mapped_ports=frozenset())
    assert [check.id for check in CHECKS if check.find(facts)] == []


def test_a_container_of_which_nothing_is_known_passes_every_check() -> None:
    facts = Facts(programs=[program(capabilities=None, seccomp=None, unread="denied")])
    assert [check.id for check in CHECKS if check.find(facts)] == []
    assert [check.id for check in CHECKS if check.find(Facts())] == []


def test_checks_that_are_made_before_deployment_too_have_their_ids_and_severities() -> None:
    before = {check.id: check.severity.name.lower() for check in catalog()}
    shared = {check.id: (check.severity, before[check.id]) for check in CHECKS if check.id in before}
    assert shared.pop("secret-in-environment") == ("medium", "high"), "what ECS filled in looks the same as the rest"
    assert set(shared) == {"root-user", "writable-root", "added-capabilities", "ptrace-without-need"}
    assert all(here == there for here, there in shared.values())
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_root_is_told_with_all_its_programs_by_the_first() -> None:
    finding = found("root-user", program("/bin/ok"), program("/bin/a", 11, uid=0), program("/bin/b", 12, uid=0))
    assert names(finding) == ("/bin/a", "/bin/b")
    assert finding is not None
    assert finding.process is not None
    assert finding.process.pid == 11


def test_root_in_users_of_its_own_is_nobody_here() -> None:
    sandbox = program(uid=0, capabilities=frozenset({"SYS_ADMIN", SYS_PTRACE}), nested=True)
    assert not found("root-user", sandbox)
    assert not found("added-capabilities", sandbox)
    assert not found("ptrace-without-need", sandbox)


def test_a_program_whose_executable_is_closed_is_told_by_its_name_and_why() -> None:
    finding = found("root-user", program(None, uid=0))
    assert finding is not None
    assert (finding.found, finding.missing) == (("app",), (Missing("process.exe", "denied"),))


def test_where_not_all_programs_were_looked_at_that_is_flagged() -> None:
    more = found("root-user", program(uid=0), more=True)
    assert more is not None
    assert more.cut
    secret = found("secret-in-environment", program(secrets=Secrets(("API_KEY",))), more=True)
    assert secret is not None
    assert secret.cut


@pytest.mark.parametrize(("writable", "told"), [(True, True), (False, False), (None, False)])
def test_a_root_that_may_be_written(writable: bool | None, told: bool) -> None:
    assert bool(found("writable-root", program(), writable_root=writable)) is told


def test_the_names_of_secrets_of_all_programs() -> None:
    finding = found(
        "secret-in-environment",
        program(secrets=Secrets(())),
        program("/bin/a", 11, secrets=Secrets(("DB_PASSWORD", "API_TOKEN"))),
        program("/bin/b", 12, secrets=Secrets(("DB_PASSWORD",), cut=True)),
        program("/bin/c", 13, unread="denied"),
    )
    assert finding is not None
    assert finding.found == ("DB_PASSWORD", "API_TOKEN")
    assert finding.process is not None
    assert finding.process.pid == 11
    assert (finding.missing, finding.cut) == ((Missing("posture.found", "denied"),), True)


def test_capabilities_beyond_the_default_set_and_sys_ptrace_apart() -> None:
    programs = (
        program(uid=0, capabilities=DEFAULTS),
        program("/bin/a", 11, capabilities=DEFAULTS | {"SYS_ADMIN", "NET_ADMIN", SYS_PTRACE}),
        program("/bin/b", 12, capabilities=frozenset({"BPF"})),
    )
    assert names(found("added-capabilities", *programs)) == ("NET_ADMIN", "SYS_ADMIN", "BPF")
    assert names(found("ptrace-without-need", *programs)) == (SYS_PTRACE,)
    assert not found("added-capabilities", programs[0])
    assert not found("ptrace-without-need", programs[0], programs[2])


def test_a_listener_on_every_address_that_no_mapping_names() -> None:
    sockets = [listener(80), listener(9229), listener(9229, family=socket.AF_INET6), listener(5432, LOOPBACK)]
    finding = found("unmapped-listener", listeners=sockets, mapped_ports=frozenset({80}))
    assert finding is not None
    assert (finding.found, finding.source) == (("tcp 0.0.0.0:9229", "tcp [::]:9229"), SOCK_DIAG)
    assert finding.process == Process("entity-10", 10)


def test_without_known_mappings_no_listener_is_called_unmapped() -> None:
    assert not found("unmapped-listener", listeners=[listener(9229)], mapped_ports=None)


def test_the_agent_of_ecs_exec() -> None:
    agent = program("/managed-agents/execute-command/amazon-ssm-agent", uid=0).process
    assert names(found("exec-agent-present", exec_agent=agent)) == (agent.exe,)


def test_no_seccomp_filter_and_a_kernel_that_does_not_tell() -> None:
    assert names(found("no-seccomp", program("/bin/a", seccomp=0), program("/bin/b", 11))) == ("/bin/a",)
    assert not found("no-seccomp", program(seccomp=None), program(seccomp=1))
