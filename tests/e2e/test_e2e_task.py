"""The whole line: an app does what apps do, and the ingest's API has it, with who did it and how they came to run."""

import ordinary_app
import pytest
from ordinary_app import assert_files_told, assert_flow_told, assert_programs_told, ran

MADE = {"0": "/etc/app-was-here", "1000": "/tmp/app-was-here"}
"""Where each user may write."""
EACH = pytest.mark.parametrize(("ptrace", "user"), [(True, "0"), (False, "1000")], ids=["ecs", "eks"])


@EACH
def test_an_app_beside_a_sensor(lab, ingest, ptrace, user):
    """With SYS_PTRACE an app as root, without it one of another user."""
    server = ordinary_app.start_server(lab)
    task = lab.task(ptrace=ptrace)
    task.wait_healthy()
    address = server.address(lab.network)
    app = task.app(ordinary_app.script(address, MADE[user]), user=f"{user}:{user}")

    programs = assert_programs_told(ingest, app, int(user))
    assert_files_told(ingest, app, MADE[user])
    flow = assert_flow_told(ingest, app, programs, address)
    assert "session" not in flow["process"], "the app's first process did not come in from outside"
    if ptrace:
        ended = ingest.wait_for("process.exit", ran("/tmp/x -lR /usr"))
        assert ended["process"].get("exit_code") == 0


def test_a_program_brought_in_by_docker_exec_is_told_as_such(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app("import time; time.sleep(3600)")
    ingest.wait_for("process.exec", lambda event: event["container"]["id"] == app.id)

    app.execute("sh", "-c", "sleep 0.271; true")

    shell = ingest.wait_for("process.exec", ran("sh -c sleep 0.271; true"))
    sleep = ingest.wait_for("process.exec", ran("sleep 0.271"))
    assert shell["container"]["id"] == sleep["container"]["id"] == app.id
    assert shell["process"]["session"] == sleep["process"]["session"] == "exec"
    assert [ancestor["entity"] for ancestor in sleep["process"]["ancestors"]] == [shell["process"]["entity"]]
