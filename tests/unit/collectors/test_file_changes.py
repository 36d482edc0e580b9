"""Notices become changes: pairs, kinds, and who wants them. The coverage only takes notes."""

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from collectors.file_changes import ECHO_S, PAIRING_S, REMEMBERED, SCAN, Change, ChangeReader
from collectors.inotify_stream import (
    ATTRIB,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    IGNORED,
    IS_DIRECTORY,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    OPEN,
    OVERFLOW,
    Notice,
)
from collectors.watch_list import CONTENT, Entry
from collectors.watch_plan import Spot, plan
from collectors.watch_table import FileId, Place, WatchTable
from sensor.model.kinds import Kind

ENTRIES = [
    Entry(b"/etc", "accounts", secrets=(b"shadow",), inodes=(b"passwd",)),
    Entry(b"/root", "start files", names=frozenset({b".bashrc"})),
    Entry(b"/tmp", "programs", programs=True),
    Entry(b"/www", "web", depth=1, kinds=CONTENT),
    Entry(b"/var/lib", "reached by its way"),
    Entry(b"/opt", "added", depth=1),
]
ETC, ROOT, TMP, WWW, VAR = range(1, 6)
PASSWD = 20


class FakeKernel:
    """The directory's descriptor is its watch."""

    def add(self, place: int, mask: int, *, is_directory: bool = True, name: bytes = b"") -> int:
        return place

    def remove(self, wd: int) -> None:
        pass


class Appeared(NamedTuple):
    path: bytes
    is_directory: bool
    tell: bool


class FakeCoverage:
    """Takes notes of what it was told; `holds` is what is found in new directories, `exchanged` what has a name that
    something was moved away from.
    """

    def __init__(self) -> None:
        self.appearances: list[Appeared] = []
        self.vanished_paths: list[bytes] = []
        self.verified: list[bytes] = []
        self.holds: list[bytes] = []
        self.exchanged: list[bytes] = []
        self.gone: list[bytes] = []

    def appeared(self, place: Place, name: bytes, *, is_directory: bool, tell: bool) -> list[bytes]:
        self.appearances.append(Appeared(place.path + b"/" + name, is_directory, tell))
        return self.holds if tell and is_directory else []

    def vanished(self, place: Place, name: bytes) -> None:
        self.vanished_paths.append(place.path + b"/" + name)

    def moved_away(self, place: Place, name: bytes) -> bool:
        self.vanished(place, name)
        return place.path + b"/" + name in self.exchanged

    def is_there(self, place: Place) -> bool:
        return place.path not in self.gone

    def verify(self, place: Place) -> None:
        self.verified.append(place.path)


class Scene:
    """A container `c` with every entry watched."""

    def __init__(self) -> None:
        self.plan = plan(ENTRIES)
        self.table = WatchTable(FakeKernel(), 100)
        self.coverage = FakeCoverage()
        self.reader = ChangeReader(self.table, self.coverage)  # type: ignore[arg-type]
        for wd, path in enumerate([b"/etc", b"/root", b"/tmp", b"/www", b"/var"], 1):
            self.watch("c", path, wd)

    def watch(self, container: str, path: bytes, wd: int) -> None:
        spots: list[Spot] = [self.plan]
        for name in path.strip(b"/").split(b"/"):
            spots = [below for spot in spots for below in spot.below(name, is_directory=True)]
        self.table.add(container, path, tuple(spots), directory=wd)

    def watch_file(self, container: str, path: bytes, handle: int = PASSWD) -> None:
        place = self.table.at("c", b"/etc")
        assert place is not None
        self.table.add_file(container, path, place.spots, (handle, b""), FileId(1, handle))

    def read(self, *notices: tuple[int, int, bytes] | tuple[int, int, bytes, int], now: float = 0.0) -> list[Change]:
        made = [Notice(wd, mask, cookie[0] if cookie else 0, name) for wd, mask, name, *cookie in notices]
        return list(self.reader.read(made, now, since=now - 1.0))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def summary(changes: Iterable[Change]) -> list[tuple[str, bytes]]:
    return [(change.kind.removeprefix("file."), change.path) for change in changes]


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (CREATE, Kind.FILE_CREATE),
        (MODIFY, Kind.FILE_MODIFY),
        (DELETE, Kind.FILE_DELETE),
        (ATTRIB, Kind.FILE_ATTRIBUTES),
        (MOVED_TO, Kind.FILE_CREATE),
    ],
)
def test_each_notice_has_its_kind(scene: Scene, mask: int, kind: Kind) -> None:
    assert scene.read((ETC, mask, b"x")) == [Change(kind, "c", b"/etc/x")]


def test_both_halves_of_a_rename_are_one_change(scene: Scene) -> None:
    (change,) = scene.read((ETC, MOVED_FROM, b"new", 9), (ETC, MOVED_TO, b"passwd", 9))
    assert change == Change(Kind.FILE_RENAME, "c", b"/etc/passwd", b"/etc/new")
    assert scene.reader.next_due() is None


def test_halves_are_paired_across_reads_and_other_notices(scene: Scene) -> None:
    assert not scene.read((ETC, MOVED_FROM, b"a", 9))
    changes = scene.read((ETC, MODIFY, b"b"), (WWW, MOVED_TO, b"c", 9), now=PAIRING_S / 2)
    assert changes[1] == Change(Kind.FILE_RENAME, "c", b"/www/c", b"/etc/a")


def test_half_a_rename_is_a_deletion_once_the_other_half_stays_away(scene: Scene) -> None:
    assert not scene.read((ETC, MOVED_FROM, b"a", 9), now=5.0)
    assert scene.reader.next_due() == 5.0 + PAIRING_S
    assert not list(scene.reader.unpaired(5.0))
    (deletion,) = scene.reader.unpaired(5.0 + PAIRING_S)
    assert deletion == Change(Kind.FILE_DELETE, "c", b"/etc/a", since=4.0), "it happened before that read, not now"
    assert summary(scene.read((ETC, MOVED_TO, b"b", 9))) == [("create", b"/etc/b")]


def test_of_too_many_halves_the_oldest_are_deletions(scene: Scene) -> None:
    changes = scene.read(*((ETC, MOVED_FROM, b"%d" % n, n) for n in range(REMEMBERED + 2)))
    assert summary(changes) == [("delete", b"/etc/0"), ("delete", b"/etc/1")]


@pytest.mark.parametrize("comes", [(ETC, CREATE, b"a"), (ETC, MOVED_TO, b"a", 7)])
def test_what_takes_a_name_comes_after_what_left_it(scene: Scene, comes: tuple[int, int, bytes]) -> None:
    changes = scene.read((ETC, MOVED_FROM, b"a", 9), (ETC, MODIFY, b"b"), comes)
    assert summary(changes) == [("modify", b"/etc/b"), ("delete", b"/etc/a"), ("create", b"/etc/a")]
    assert scene.reader.next_due() is None
    assert not scene.reader._leaving


def test_what_takes_a_name_in_another_directory_ends_no_rename(scene: Scene) -> None:
    changes = scene.read((ETC, MOVED_FROM, b"a", 9), (WWW, CREATE, b"a"), (ETC, MOVED_TO, b"b", 9))
    assert summary(changes) == [("create", b"/www/a"), ("rename", b"/etc/b")]
    assert not scene.reader._leaving


def test_a_rename_from_the_way_to_an_entry_still_has_its_old_path(scene: Scene) -> None:
    (change,) = scene.read((VAR, MOVED_FROM, b"x", 9), (ETC, MOVED_TO, b"x", 9))
    assert change.old_path == b"/var/x"


def test_a_secret_that_is_moved_to_where_only_programs_matter_is_told(scene: Scene) -> None:
    (change,) = scene.read((ETC, MOVED_FROM, b"shadow", 9), (TMP, MOVED_TO, b"s", 9))
    assert (change.kind, change.programs) == (Kind.FILE_RENAME, False)


def test_only_the_names_of_an_entry_are_told(scene: Scene) -> None:
    assert summary(scene.read((ROOT, MODIFY, b".bash_history"), (ROOT, MODIFY, b".bashrc"))) == [
        ("modify", b"/root/.bashrc")
    ]


def test_on_the_way_to_an_entry_nothing_is_told(scene: Scene) -> None:
    assert not scene.read((VAR, CREATE, b"x"), (VAR, DELETE, b"x"))


def test_the_close_after_writes_is_no_change_of_its_own(scene: Scene) -> None:
    changes = scene.read((ETC, MODIFY, b"a"), (ETC, CLOSE_WRITE, b"a"), (ETC, MODIFY, b"a"), (ETC, CLOSE_WRITE, b"a"))
    assert summary(changes) == [("modify", b"/etc/a")] * 2
    assert summary(scene.read((ETC, CREATE, b"b"), (ETC, CLOSE_WRITE, b"b"))) == [("create", b"/etc/b")]


def test_a_close_without_a_write_seen_is_doubtful(scene: Scene) -> None:
    (change,) = scene.read((ETC, CLOSE_WRITE, b"mapped"))
    assert change == Change(Kind.FILE_MODIFY, "c", b"/etc/mapped", unsure=True)


@pytest.mark.parametrize(
    "between",
    [
        [(ETC, DELETE, b"x")],
        [(ETC, MOVED_FROM, b"x", 9), (ETC, MOVED_TO, b"y", 9)],
        [(ETC, MOVED_FROM, b"y", 9), (ETC, MOVED_TO, b"x", 9)],
        [(-1, OVERFLOW, b"")],
    ],
)
def test_what_was_written_before_says_nothing_of_another_file_or_of_what_was_lost(
    scene: Scene, between: list[tuple[int, int, bytes]]
) -> None:
    scene.read((ETC, MODIFY, b"x"), *between)
    (change,) = scene.read((ETC, CLOSE_WRITE, b"x"))
    assert change.unsure


def test_a_name_is_known_before_it_is_told(scene: Scene) -> None:
    scene.table.names.learn("c", b"/etc", [])
    told = [
        scene.table.names.has("c", b"/etc", b"x")
        for _ in scene.reader.read([Notice(ETC, CREATE, 0, b"x")], now=0.0, since=0.0)
    ]
    assert told == [True]


def test_where_only_programs_matter_it_is_the_close_that_counts(scene: Scene) -> None:
    changes = scene.read((TMP, CREATE, b"x"), (TMP, CLOSE_WRITE, b"x"))
    assert summary(changes) == [("create", b"/tmp/x"), ("modify", b"/tmp/x")]
    assert all(change.programs for change in changes)
    assert not changes[1].unsure


def test_a_container_is_told_once_and_each_by_its_own_path(scene: Scene) -> None:
    scene.watch("c", b"/var/lib", ETC)
    scene.watch("d", b"/var/lib", ETC)
    changes = scene.read((ETC, MODIFY, b"x"))
    assert [(change.container, change.path) for change in changes] == [("c", b"/etc/x"), ("d", b"/var/lib/x")]


def test_of_a_rename_each_container_is_told_what_it_sees_of_it(scene: Scene) -> None:
    scene.watch("d", b"/etc", ETC)
    scene.watch("e", b"/www", WWW)
    changes = scene.read((ETC, MOVED_FROM, b"a", 9), (WWW, MOVED_TO, b"b", 9))
    assert [(c.container, c.kind) for c in changes] == [
        ("c", Kind.FILE_RENAME),
        ("e", Kind.FILE_CREATE),
        ("d", Kind.FILE_DELETE),
    ]


def test_new_directories_are_followed_and_what_they_hold_is_told(scene: Scene) -> None:
    scene.watch("c", b"/www/new", 9)
    scene.coverage.holds = [b"/www/new/shell.php"]
    changes = scene.read((WWW, CREATE | IS_DIRECTORY, b"new"))
    assert summary(changes) == [("create", b"/www/new"), ("create", b"/www/new/shell.php")]
    assert [change.source for change in changes] == ["inotify", SCAN]
    assert scene.coverage.appearances == [Appeared(b"/www/new", is_directory=True, tell=True)]


def test_what_a_renamed_directory_holds_is_news_only_if_it_was_not_watched_before(scene: Scene) -> None:
    scene.watch("c", b"/www/known", 9)
    scene.watch("c", b"/www/now", 10)
    scene.coverage.holds = [b"/www/now/shell.php"]
    known = scene.read((WWW, MOVED_FROM | IS_DIRECTORY, b"known", 5), (WWW, MOVED_TO | IS_DIRECTORY, b"now", 5))
    unknown = scene.read((WWW, MOVED_FROM | IS_DIRECTORY, b"unknown", 6), (WWW, MOVED_TO | IS_DIRECTORY, b"now", 6))
    assert summary(known) == [("rename", b"/www/now")]
    assert summary(unknown) == [("rename", b"/www/now"), ("create", b"/www/now/shell.php")]


def test_what_leaves_is_let_go(scene: Scene) -> None:
    scene.read((WWW, DELETE | IS_DIRECTORY, b"a"), (WWW, MOVED_FROM | IS_DIRECTORY, b"b", 3))
    assert scene.coverage.vanished_paths == [b"/www/a", b"/www/b"]


def test_a_directory_that_was_moved_or_went_away_is_looked_for_again(scene: Scene) -> None:
    assert not scene.read((ETC, MOVE_SELF, b""), (WWW, IGNORED, b""))
    assert scene.coverage.verified == [b"/etc", b"/www"]
    assert scene.table.at("c", b"/etc")
    assert not scene.table.at("c", b"/www")


def test_a_name_that_an_exchange_left_to_something_else_stays_known(scene: Scene) -> None:
    scene.table.names.learn("c", b"/etc", [b"a", b"b"])
    scene.coverage.exchanged = [b"/etc/b"]
    changes = scene.read(
        (ETC, MOVED_FROM, b"a", 1), (ETC, MOVED_TO, b"b", 1), (ETC, MOVED_FROM, b"b", 2), (ETC, MOVED_TO, b"a", 2)
    )
    assert [(change.old_path, change.path) for change in changes] == [(b"/etc/a", b"/etc/b"), (b"/etc/b", b"/etc/a")]
    assert scene.table.names.of("c", b"/etc") == {b"a": None, b"b": None}


def test_a_second_name_that_goes_with_the_first_is_not_looked_for(scene: Scene) -> None:
    scene.watch("c", b"/www/again", WWW)
    verify = scene.coverage.verify

    def replaced(place: Place) -> None:
        verify(place)
        scene.table.drop_from("c", b"/www/again")

    scene.coverage.verify = replaced  # type: ignore[method-assign]
    assert not scene.read((WWW, IGNORED, b""))
    assert scene.coverage.verified == [b"/www"]


def test_a_directorys_own_attributes_are_told_once(scene: Scene) -> None:
    scene.watch("c", b"/var/lib", 9)
    assert summary(scene.read((9, ATTRIB | IS_DIRECTORY, b""))) == [("attributes", b"/var/lib")]
    assert not scene.read((WWW, ATTRIB | IS_DIRECTORY, b"")), "web roots do not want attributes"
    scene.watch("c", b"/opt", 10)
    scene.watch("c", b"/opt/d", 11)
    both = scene.read((10, ATTRIB | IS_DIRECTORY, b"d"), (11, ATTRIB | IS_DIRECTORY, b""))
    assert summary(both) == [("attributes", b"/opt/d")]


def test_an_overflow_is_counted_and_names_no_directory(scene: Scene) -> None:
    assert not scene.read((-1, OVERFLOW, b""))
    assert scene.reader.overflows == 1


def test_notices_of_removed_watches_are_passed_over(scene: Scene) -> None:
    assert not scene.read((77, CREATE, b"x"), (77, IGNORED, b""), (77, MOVED_TO, b"y", 1))


BY_INODE = pytest.mark.parametrize(
    ("mask", "kind"), [(MODIFY, Kind.FILE_MODIFY), (CLOSE_WRITE, Kind.FILE_MODIFY), (ATTRIB, Kind.FILE_ATTRIBUTES)]
)


@BY_INODE
def test_a_change_by_another_name_is_told(scene: Scene, mask: int, kind: Kind) -> None:
    scene.watch_file("c", b"/etc/passwd")
    assert scene.read((PASSWD, mask, b"")) == [Change(kind, "c", b"/etc/passwd", unsure=mask == CLOSE_WRITE)]


@BY_INODE
def test_a_change_by_the_files_own_name_is_told_once(scene: Scene, mask: int, kind: Kind) -> None:
    scene.watch_file("c", b"/etc/passwd")
    assert summary(scene.read((ETC, mask, b"passwd"), (PASSWD, mask, b""))) == summary(
        [Change(kind, "c", b"/etc/passwd")]
    )
    scene.read((ETC, mask, b"passwd"))
    assert not scene.read((PASSWD, mask, b""), now=ECHO_S), "the second may be in the next read"


def test_what_comes_long_after_or_after_something_else_is_a_change_of_its_own(scene: Scene) -> None:
    scene.watch_file("c", b"/etc/passwd")
    scene.read((ETC, MODIFY, b"passwd"))
    assert summary(scene.read((PASSWD, MODIFY, b""), now=ECHO_S + 0.1)) == [("modify", b"/etc/passwd")]
    assert len(scene.read((ETC, MODIFY, b"passwd"), (ETC, MODIFY, b"hosts"), (PASSWD, MODIFY, b""))) == 3
    assert len(scene.read((ETC, ATTRIB, b"passwd"), (PASSWD, MODIFY, b""))) == 2


def test_the_close_after_writes_by_another_name_is_no_change_of_its_own(scene: Scene) -> None:
    scene.watch_file("c", b"/etc/passwd")
    assert len(scene.read((PASSWD, MODIFY, b""), (PASSWD, CLOSE_WRITE, b""))) == 1


def test_who_has_the_file_but_not_the_directory_is_told_as_well(scene: Scene) -> None:
    scene.watch_file("c", b"/etc/passwd")
    scene.watch_file("d", b"/etc/passwd")
    changes = scene.read((ETC, MODIFY, b"passwd"), (PASSWD, MODIFY, b""))
    assert [(change.container, change.path) for change in changes] == [("c", b"/etc/passwd"), ("d", b"/etc/passwd")]


def test_a_link_that_goes_with_the_files_own_name_is_told_as_the_deletion_alone(scene: Scene) -> None:
    scene.watch_file("c", b"/etc/passwd")
    scene.coverage.gone = [b"/etc/passwd"]
    assert summary(scene.read((PASSWD, ATTRIB, b""), (ETC, DELETE, b"passwd"))) == [("delete", b"/etc/passwd")]


def test_only_of_a_secret_it_is_told_that_it_was_opened(scene: Scene) -> None:
    scene.watch_file("c", b"/etc/passwd")
    scene.watch_file("c", b"/etc/shadow")
    assert summary(scene.read((PASSWD, OPEN, b""))) == [("open", b"/etc/shadow")]
    assert summary(scene.read((PASSWD, MODIFY, b""))) == [("modify", b"/etc/passwd")]
