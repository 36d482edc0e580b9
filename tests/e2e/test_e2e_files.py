"""File changes in containers, on the terms of ECS (SYS_PTRACE) and of EKS (without it, the app as uid 1000)."""

import pytest
from file_attack import missed, run_attack

TERMS = [pytest.param(True, "0", id="ecs"), pytest.param(False, "1000", id="eks")]


@pytest.mark.parametrize(("ptrace", "user"), TERMS)
def test_sixty_changes_of_an_attacker_are_told_with_kind_and_path(lab, ingest, ptrace, user):
    task = lab.task(ptrace=ptrace)
    task.wait_healthy()

    told, refused = run_attack(lab, task, user)

    assert refused == ""
    assert missed(told) == []
