"""Execs are linked to the events of the files that they run."""

import stat

import pytest

from sensor.detect.compact import Rule
from sensor.detect.detector import detection_event
from sensor.model.events import Container, Event, Evidence, File, Link, Process, Timestamp
from sensor.model.kinds import Kind
from sensor.pipeline.links import BROUGHT_BY, CHANGED_BY, MATCHED, MOST_FILES, MOST_RECENT, MOST_RUNS, RAN_AS, Links


class Scene:
    """Events that go by one after the other; `id` is that of the last one."""

    def __init__(self) -> None:
        self.links = Links()
        self.seq = 0

    def go_by(self, event: Event) -> tuple[Link, ...]:
        self.seq += 1
        event = self.links.resolve(event)
        self.links.told(event, self.id)
        return event.links

    @property
    def id(self) -> str:
        return f"s/e/ordinary/{self.seq}"

    def file(
        self,
        kind: Kind,
        path: str,
        old_path: str | None = None,
        *,
        drift: bool | None = True,
        mode: int = stat.S_IFREG | 0o755,
        container: str = "app",
    ) -> tuple[Link, ...]:
        file = File(path, old_path, mode=mode, drift=drift)
        return self.go_by(Event(kind, Timestamp(0), Evidence("inotify"), container=Container(container), file=file))

    def run(
        self,
        exe: str,
        *args: str,
        cwd: str = "/",
        drift: bool | None = True,
        container: str = "app",
        preload: tuple[str, ...] | None = None,
    ) -> tuple[Link, ...]:
        process = Process("entity", 7, exe=exe, args=(exe, *args), cwd=cwd, drift=drift, preload=preload)
        return self.go_by(
            Event(Kind.PROCESS_EXEC, Timestamp(0), Evidence("cursor"), container=Container(container), process=process)
        )


def test_a_run_is_linked_to_the_event_that_brought_its_file() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    brought = scene.id
    assert scene.run("/tmp/x") == (Link(brought, BROUGHT_BY),)
    assert scene.run("/tmp/x (deleted)") == (Link(brought, BROUGHT_BY),)


def test_a_file_that_was_changed_since_is_linked_to_both() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    scene.file(Kind.FILE_MODIFY, "/tmp/x")
    assert scene.run("/tmp/x") == (Link("s/e/ordinary/1", BROUGHT_BY), Link("s/e/ordinary/2", CHANGED_BY))


def test_what_shipped_with_the_image_and_what_cannot_run_is_no_link() -> None:
    scene = Scene()
    scene.file(Kind.FILE_MODIFY, "/etc/motd", drift=None)
    assert scene.run("/bin/ls", "/etc/motd", drift=False) == ()
    assert scene.run("/tmp/x", container="other") == ()


def test_containers_are_kept_apart() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    assert scene.run("/tmp/x", container="other") == ()


def test_a_script_is_linked_through_its_interpreter() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x.sh")
    brought = (Link(scene.id, BROUGHT_BY),)
    assert scene.run("/bin/sh", "-e", "/tmp/x.sh", drift=False) == brought
    assert scene.run("/bin/sh", "./x.sh", cwd="/tmp", drift=False) == brought
    assert scene.run("/bin/sh", "-c", "/tmp/y.sh", drift=False) == ()


def test_a_script_that_is_told_after_its_run_is_linked_to_that() -> None:
    scene = Scene()
    scene.run("/usr/bin/python3.13", "/tmp/x.py", drift=False)
    assert scene.file(Kind.FILE_CREATE, "/tmp/x.py") == (Link("s/e/ordinary/1", RAN_AS),)


def test_a_file_that_a_program_is_given_is_not_what_it_runs() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    assert scene.run("/usr/bin/mv", "/tmp/x", "/tmp/y", drift=False) == ()


@pytest.mark.parametrize("preload", ["LD_PRELOAD=/lib/a.so /usr/lib/x.so", "LD_AUDIT=/lib/a.so:/usr/lib/x.so"])
def test_a_library_that_came_is_linked_to_what_preloads_it(preload: str) -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/usr/lib/x.so", mode=stat.S_IFREG | 0o644)
    brought = (Link(scene.id, BROUGHT_BY),)
    assert scene.run("/bin/ls", drift=False, preload=("LD_LIBRARY_PATH=/usr/lib", preload)) == brought
    assert scene.run("/bin/ls", drift=False, preload=("LD_LIBRARY_PATH=/usr/lib/x.so",)) == ()


def test_a_renamed_file_keeps_what_brought_it() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    scene.file(Kind.FILE_RENAME, "/tmp/y", "/tmp/x")
    assert scene.run("/tmp/y") == (Link("s/e/ordinary/1", BROUGHT_BY), Link("s/e/ordinary/2", CHANGED_BY))


def test_a_file_that_came_and_was_renamed_in_one_telling_is_linked_to_what_ran_from_either_name() -> None:
    scene = Scene()
    scene.file(Kind.FILE_RENAME, "/tmp/y", "/tmp/x")
    brought = (Link(scene.id, BROUGHT_BY),)
    assert scene.run("/tmp/x") == brought
    assert scene.run("/tmp/x", drift=False) == ()
    assert scene.run("/tmp/y") == brought
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    assert scene.run("/tmp/x") == (Link("s/e/ordinary/5", BROUGHT_BY),)


def test_what_comes_under_the_old_name_of_a_renamed_file_is_another() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    scene.file(Kind.FILE_RENAME, "/tmp/y", "/tmp/x")
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    assert scene.run("/tmp/x") == (Link("s/e/ordinary/3", BROUGHT_BY),)


def test_a_file_whose_actor_is_known_is_linked_to_its_run_too() -> None:
    scene = Scene()
    scene.run("/tmp/x")
    event = Event(Kind.FILE_CREATE, Timestamp(0), Evidence("inotify"), container=Container("app"))
    actor = Process("other", 8, exe="/bin/cp", args=("cp", "a", "/tmp/x"), drift=False)
    assert scene.go_by(event._replace(file=File("/tmp/x", drift=True), process=actor)) == (
        Link("s/e/ordinary/1", RAN_AS),
    )


def test_a_renamed_directory_leaves_those_of_other_containers() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/srv/a/x", container="other")
    scene.file(Kind.FILE_CREATE, "/srv/ab", container="app")
    scene.file(Kind.FILE_RENAME, "/srv/b", "/srv/a", mode=stat.S_IFDIR | 0o755)
    assert scene.run("/srv/b/x", container="other") == scene.run("/srv/bb") == scene.run("/srv/b/x") == ()
    assert scene.run("/srv/a/x", container="other") == (Link("s/e/ordinary/1", BROUGHT_BY),)


def test_a_run_is_linked_to_by_its_file_even_under_the_name_that_it_was_given_since() -> None:
    scene = Scene()
    scene.run("/tmp/x")
    assert scene.file(Kind.FILE_RENAME, "/tmp/y", "/tmp/x") == (Link("s/e/ordinary/1", RAN_AS),)


def test_a_renamed_directory_takes_its_files_along() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/a/x")
    brought = scene.id
    scene.file(Kind.FILE_RENAME, "/tmp/b", "/tmp/a", drift=None, mode=stat.S_IFDIR | 0o755)
    assert scene.run("/tmp/b/x") == (Link(brought, BROUGHT_BY),)


@pytest.mark.parametrize(("files", "renames", "names"), [(100, 100, 101), (100, 100, 2), (MOST_FILES, 2, 3)])
def test_a_directory_that_is_renamed_again_and_again_stays_within_the_bound(
    files: int, renames: int, names: int
) -> None:
    scene = Scene()
    for number in range(files):
        scene.file(Kind.FILE_CREATE, f"/a/d0/{number}")
    for number in range(renames):
        old, new = (f"/a/d{n % names}" for n in (number, number + 1))
        scene.file(Kind.FILE_RENAME, new, old, drift=None, mode=stat.S_IFDIR | 0o755)
    assert len(scene.links._files) <= MOST_FILES
    last = f"/a/d{renames % names}"
    assert scene.run(f"{last}/0") == (Link("s/e/ordinary/1", BROUGHT_BY),)
    assert scene.run(f"{last}/{files - 1}") == (Link(f"s/e/ordinary/{files}", BROUGHT_BY),)


def test_files_whose_directory_was_renamed_back_are_not_forgotten_before_others() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/a/d0/x")
    for old, new in (("/a/d0", "/a/d1"), ("/a/d1", "/a/d0")):
        scene.file(Kind.FILE_RENAME, new, old, drift=None, mode=stat.S_IFDIR | 0o755)
    for number in range(MOST_FILES - 1):
        scene.file(Kind.FILE_CREATE, f"/tmp/{number}")
    assert scene.run("/a/d0/x") == (Link("s/e/ordinary/1", BROUGHT_BY),)


def test_a_run_that_is_told_after_its_file_was_deleted_is_linked_and_the_next_file_is_another() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    scene.file(Kind.FILE_DELETE, "/tmp/x", drift=None)
    assert scene.run("/tmp/x (deleted)") == (Link("s/e/ordinary/1", BROUGHT_BY),)
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    assert scene.run("/tmp/x") == (Link("s/e/ordinary/4", BROUGHT_BY),)


def test_a_file_that_is_told_after_its_run_is_linked_to_that() -> None:
    scene = Scene()
    assert scene.run("/tmp/x") == ()
    run = scene.id
    assert scene.file(Kind.FILE_CREATE, "/tmp/x") == (Link(run, RAN_AS),)
    assert scene.file(Kind.FILE_MODIFY, "/tmp/x") == ()


def test_a_container_that_has_ended_is_forgotten() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    scene.run("/tmp/y")
    scene.go_by(Event(Kind.CONTAINER_STOP, Timestamp(0), Evidence("cursor"), container=Container("app")))
    assert scene.run("/tmp/x") == ()
    assert scene.file(Kind.FILE_CREATE, "/tmp/y") == ()


def test_what_is_remembered_is_bounded() -> None:
    scene = Scene()
    for number in range(MOST_FILES + 1):
        scene.file(Kind.FILE_CREATE, f"/tmp/{number}")
    for number in range(MOST_RUNS + 1):
        scene.run(f"/run/{number}")
    assert scene.run("/tmp/0") == ()
    assert scene.run("/tmp/1")
    assert scene.file(Kind.FILE_CREATE, "/run/0") == ()
    assert scene.file(Kind.FILE_CREATE, "/run/2")


def test_a_detection_is_no_change_of_the_file_that_it_is_about() -> None:
    scene = Scene()
    scene.file(Kind.FILE_CREATE, "/tmp/x")
    brought = scene.id
    scene.file(Kind.DETECTION, "/tmp/x")
    assert scene.run("/tmp/x") == (Link(brought, BROUGHT_BY),)


def executed(time: int, entity: str = "entity") -> Event:
    return Event(Kind.PROCESS_EXEC, Timestamp(time), Evidence("cursor"), process=Process(entity, 7))


def detected(event: Event) -> Event:
    return detection_event(Rule("id", "title", "high", "r.yml:1"), event)


def test_a_detection_is_linked_to_its_event_and_to_no_other() -> None:
    scene = Scene()
    first, other = executed(1), executed(1, "another")
    scene.go_by(first)
    id_of_first = scene.id
    scene.go_by(other)
    assert scene.go_by(detected(first)) == (Link(id_of_first, MATCHED),)
    assert scene.go_by(detected(other)) == (Link("s/e/ordinary/2", MATCHED),)
    assert scene.go_by(detected(first)) == (Link(id_of_first, MATCHED),), "nor to another detection"


def test_a_detection_of_what_was_not_told_by_itself_has_no_link() -> None:
    scene = Scene()
    scene.go_by(executed(1))
    assert scene.go_by(detected(executed(2))) == ()


def test_the_events_that_detections_are_linked_to_are_bounded() -> None:
    scene = Scene()
    for time in range(MOST_RECENT + 1):
        scene.go_by(executed(time))
    assert scene.go_by(detected(executed(0))) == ()
    assert scene.go_by(detected(executed(1))) == (Link("s/e/ordinary/2", MATCHED),)
