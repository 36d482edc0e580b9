"""The list of directories that matter, and its extension by configuration."""

import pytest

from collectors.watch_list import CONTENT, DEFAULT, Entry
from collectors.watch_paths import watch_list
from sensor.model.errors import WrongConfiguration
from sensor.model.kinds import Kind


def test_every_entry_is_a_plain_absolute_path_with_a_reason() -> None:
    for entry in DEFAULT:
        assert entry.path.startswith(b"/")
        assert not entry.path.endswith(b"/")
        assert not {b"", b".", b".."} & set(entry.path[1:].split(b"/"))
        assert entry.why


def test_no_directory_is_named_twice() -> None:
    paths = [entry.path for entry in DEFAULT]
    assert len(set(paths)) == len(paths)


def test_accounts_come_before_programs_and_those_before_web_roots() -> None:
    ranks = {entry.path: rank for rank, entry in enumerate(DEFAULT)}
    assert ranks[b"/etc"] < ranks[b"/etc/cron.d"] < ranks[b"/tmp"] < ranks[b"/usr/bin"] < ranks[b"/var/www"]


def test_the_plain_name_of_a_merged_directory_comes_first() -> None:
    ranks = {entry.path: rank for rank, entry in enumerate(DEFAULT)}
    for name in (b"/bin", b"/sbin", b"/lib", b"/lib64"):
        assert ranks[b"/usr" + name] < ranks[name]


def test_where_everyone_writes_only_programs_are_told() -> None:
    open_to_all = {b"/tmp", b"/dev/shm", b"/var/tmp"}
    assert {entry.path for entry in DEFAULT if entry.programs} >= open_to_all


def test_an_entry_wants_its_kinds_and_names() -> None:
    entry = Entry(b"/root", "start files", names=frozenset({b".bashrc"}), kinds=CONTENT)
    assert entry.wants(Kind.FILE_MODIFY, b".bashrc")
    assert not entry.wants(Kind.FILE_MODIFY, b".bash_history")
    assert not entry.wants(Kind.FILE_ATTRIBUTES, b".bashrc")


def test_configured_directories_come_first_with_what_is_below_them() -> None:
    entries = watch_list(["/app/data/", "//srv//x"])
    assert [entry.path for entry in entries[:2]] == [b"/app/data", b"/srv/x"]
    assert entries[0].depth > 0
    assert entries[2:] == DEFAULT


def test_all_wrong_paths_are_named_at_once() -> None:
    with pytest.raises(WrongConfiguration) as caught:
        watch_list(["app", "/a/../b", "/", "/ok", "/" + "x" * 5000, "/a\0b"])
    assert len(caught.value.problems) == 5
    assert all(problem.startswith("file_paths: ") for problem in caught.value.problems)


def test_a_path_that_is_no_utf8_is_taken_as_the_bytes_it_was() -> None:
    assert watch_list(["/a\udcff"])[0].path == b"/a\xff"
