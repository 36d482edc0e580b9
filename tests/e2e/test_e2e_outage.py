"""An ingest that is away, comes, and goes again: nothing lost, nothing twice."""


def numbered(count: int) -> str:
    """A script that runs processes one after the other, a tenth of a second each."""
    return f"import subprocess\nfor n in range({count}): subprocess.run(['sleep', f'0.1{{n:03d}}'])\n"


def ended(container):
    """Whether an event says that this container has stopped."""
    return lambda event: event["container"]["id"] == container.id


def test_what_happened_while_the_ingest_was_away_arrives_later(lab):
    task = lab.task()
    task.wait_healthy()
    app = task.app(numbered(20))
    app.wait_stopped()

    assert task.sensor.running()
    lab.ingest.start().wait_ready()

    lab.ingest.wait_for("container.stop", ended(app), deadline=45)
    assert lab.ingest.told_once()
    assert len(lab.ingest.events(kind="process.exec", container=app.id)) > 10
    complaints = [line for line in task.sensor.logs().splitlines() if lab.ingest.url in line]
    assert 1 <= len(complaints) <= 2, "an unreachable ingest is told once, and perhaps that it is back"


def test_a_restarted_ingest_loses_nothing_and_has_nothing_twice(lab, ingest):
    task = lab.task()
    task.wait_healthy()
    app = task.app(numbered(60))
    ingest.wait_for("process.exec", lambda event: event["container"]["id"] == app.id)

    ingest.kill("KILL")
    ingest.wait_stopped()
    ingest.start().wait_ready()

    ingest.wait_for("container.stop", ended(app), deadline=45)
    assert ingest.told_once()
    assert len(ingest.events(kind="process.exec", container=app.id)) > 30
