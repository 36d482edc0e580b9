"""Globs that users add to the watch list and take from it."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.watch_list import DEFAULT
from collectors.watch_paths import DEEP, DEPTH, removed, watch_list
from sensor.model.errors import WrongConfiguration


def test_what_is_added_comes_first_as_directories_and_as_files() -> None:
    entries = watch_list(["/app/data/", "//srv//*.conf"])
    assert [(entry.path, entry.depth, entry.patterns) for entry in entries[:4]] == [
        (b"/app/data", DEPTH, ()),
        (b"/app", 0, (b"data",)),
        (b"/srv/*.conf", DEPTH, ()),
        (b"/srv", 0, (b"*.conf",)),
    ]
    assert entries[4:] == DEFAULT


def test_what_is_below_the_root_is_told_there() -> None:
    _, files = watch_list(["/data"])[:2]
    assert (files.path, files.patterns) == (b"/", (b"data",))


def test_two_stars_at_the_end_mean_more_levels() -> None:
    assert [(entry.path, entry.depth) for entry in watch_list(["/data/**"])[:1]] == [(b"/data", DEEP)]


def test_what_is_removed_adds_nothing() -> None:
    assert watch_list(["!/usr/lib"]) == DEFAULT


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("!/usr/lib", [b"/usr/lib", b"/usr/lib/x/y"], [b"/usr/lib64", b"/usr", b"/x/usr/lib"]),
        ("!/etc/*.tmp", [b"/etc/a.tmp", b"/etc/a.tmp/b"], [b"/etc/x/a.tmp", b"/etc/a.tmp2"]),
        ("!/**/*.log", [b"/a.log", b"/var/log/app/x.log"], [b"/var/log", b"/var/a.log.1"]),
        ("!/var/**/cache", [b"/var/cache", b"/var/a/b/cache/x"], [b"/var/cached", b"/cache"]),
        ("!/a/*b*c*", [b"/a/bc", b"/a/bbxccx", b"/a/xbxc"], [b"/a/cb", b"/a/b/c", b"/a/bx"]),
        ("!/a/*b?*?c", [b"/a/bxxc", b"/a/bbxyc"], [b"/a/bxc", b"/a/bc"]),
        ("!/a/b?c", [b"/a/bxc"], [b"/a/bc", b"/a/b/c"]),
        ("!/a/[0-9]", [b"/a/7"], [b"/a/x", b"/a/77"]),
        ("!/a/[!0-9]", [b"/a/x", b"/a/\n"], [b"/a/7", b"/a//"]),
        ("!/a/.(x|y)+", [b"/a/.(x|y)+"], [b"/a/bx"]),
        ("!/a/[b", [b"/a/[b"], [b"/a/b"]),
    ],
)
def test_a_glob_takes_away_what_it_matches_and_all_below(glob: str, matching: list[bytes], others: list[bytes]) -> None:
    matches = removed(["/other", glob])
    assert all(map(matches, matching))
    assert not any(map(matches, others))


def test_a_name_that_matches_many_stars_nearly_takes_no_time() -> None:
    """Tried in every way it would take years."""
    assert not removed(["!/srv/" + 12 * "*-" + "x"])(b"/srv/" + 250 * b"-")


def test_nothing_is_taken_away_where_nothing_says_so() -> None:
    assert not removed(["/etc"])(b"/etc")


def test_all_wrong_paths_are_named_at_once() -> None:
    with pytest.raises(WrongConfiguration) as caught:
        watch_list(["app", "/a/../b", "/", "/ok", "/" + "x" * 5000, "/a\0b", "!etc", "!/", "/**", "/a/**/b", "!/**/b"])
    assert len(caught.value.problems) == 9
    assert all(problem.startswith("file_paths: ") for problem in caught.value.problems)


def test_a_path_that_is_no_utf8_is_taken_as_the_bytes_it_was() -> None:
    assert watch_list(["/a\udcff"])[0].path == b"/a\xff"
    assert removed(["!/a\udcff"])(b"/a\xff")


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_a_glob_or_refused_with_a_line(text: str) -> None:
    for path in ("/" + text, "!/" + text):
        with suppress(WrongConfiguration):
            watch_list([path])
            removed([path])(b"/etc/passwd")
