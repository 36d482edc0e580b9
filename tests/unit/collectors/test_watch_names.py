"""What watched directories hold, within bounds."""

from collectors.watch_names import A_NAME, KnownNames


def test_names_come_and_go() -> None:
    names = KnownNames()
    names.learn("app", b"/etc", [b"passwd", b"hosts"])
    names.add("app", b"/etc", b"new")
    names.remove("app", b"/etc", b"hosts")
    names.remove("app", b"/etc", b"never")
    assert names.of("app", b"/etc") == {b"passwd": None, b"new": None}
    assert names.of("app", b"/usr") is None
    assert names.of("other", b"/etc") is None
    assert [names.has("app", b"/etc", name) for name in (b"new", b"hosts")] == [True, False]
    assert names.has("app", b"/usr", b"new") is None


def test_what_was_told_of_a_name_stays_known_when_its_directory_is_listed_again() -> None:
    names = KnownNames()
    names.learn("app", b"/etc", [b"a", b"b"])
    names.told("app", b"/etc", b"a", 17)
    names.told("app", b"/etc", b"never", 17)
    names.learn("app", b"/etc", [b"a", b"c"])
    assert names.of("app", b"/etc") == {b"a": 17, b"c": None}


def test_a_directory_that_is_not_known_takes_no_names() -> None:
    names = KnownNames()
    names.add("app", b"/etc", b"a")
    assert names.of("app", b"/etc") is None


def test_a_directory_that_does_not_fit_is_not_known_at_all() -> None:
    names = KnownNames(most_bytes=3 * (A_NAME + 1))
    names.learn("app", b"/a", [b"1", b"2"])
    names.learn("app", b"/b", [b"1", b"2"])
    assert names.of("app", b"/b") is None
    names.add("app", b"/a", b"3")
    names.add("app", b"/a", b"3")
    assert names.of("app", b"/a") is not None
    names.add("app", b"/a", b"4")
    assert names.of("app", b"/a") is None, "half of a directory would look like deletions"
    names.learn("app", b"/b", [b"1", b"2", b"3"])
    assert names.of("app", b"/b") is not None, "the room is free again"


def test_a_directory_that_is_dropped_is_forgotten_with_its_container() -> None:
    names = KnownNames()
    names.learn("app", b"/etc", [b"a"])
    assert list(names.of_container("app")) == [b"/etc"]
    names.drop("app", b"/etc")
    names.drop("app", b"/etc")
    assert not names.of_container("app")
